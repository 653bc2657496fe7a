"""strategy:random: local moves without a model. The baseline that every other strategy has to beat."""

import math
import random
from collections.abc import Sequence
from typing import Any

from assay.researchers.history import describe
from assay.researchers.moves import Dimension, Interval, search
from assay.spec.proposal import Proposal
from assay.spec.protocols import View


class RandomSearch:
    """Random search (Bergstra & Bengio 2012) around the champion: one to three fields, drawn evenly."""

    name = "strategy:random"

    def propose(self, view: View, n: int) -> list[Proposal]:
        rng = random.Random(f"draws {view.seed}")

        def draw(dimensions: Sequence[Dimension]) -> dict[str, Any]:
            return {dimension.name: _value(dimension, rng) for dimension in dimensions}

        return search(
            view,
            n,
            self.name,
            draw,
            lambda change: f"A move drawn at random, without a model: {describe(view, change)}.",
            ("Bergstra & Bengio 2012, Random Search for Hyper-Parameter Optimization",),
        )


def _value(dimension: Dimension, rng: random.Random) -> float:
    if not isinstance(dimension, Interval):
        return rng.randrange(len(dimension.values))
    if dimension.log:
        return math.exp(rng.uniform(math.log(dimension.low), math.log(dimension.high)))
    return rng.uniform(dimension.low, dimension.high)
