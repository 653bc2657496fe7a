"""Steps that are simple enough to be checked by hand."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from assay.corpus.steps.step import Batch, Judged, Survey


class ToyDedup:
    """Removes every text that an earlier document has: one survey, one decision."""

    name = "dedup"
    rounds = 1

    def parameters(self) -> dict[str, Any]:
        return {}

    def survey(self, number: int, batch: Batch, plan: Any) -> Survey:  # noqa: ARG002
        return {"hash": np.array([xxhash.xxh3_64_intdigest(text.encode()) for text in batch.texts], np.uint64)}

    def decide(self, number: int, surveys: Iterable[Survey], plan: Any, work: Path) -> np.ndarray:  # noqa: ARG002
        every = np.concatenate([survey["hash"] for survey in surveys])
        first = np.unique(every, return_index=True)[1]
        return np.setdiff1d(np.arange(len(every)), first)

    def apply(self, batch: Batch, plan: np.ndarray) -> Judged:
        mine = plan[(plan >= batch.first) & (plan < batch.first + len(batch))] - batch.first
        return Judged({int(row): "exact" for row in mine}, details={int(row): "seen before" for row in mine})

    def report(self, plan: np.ndarray) -> dict[str, Any]:
        return {"duplicates": len(plan)}


class ToyClean:
    """Removes texts with 'spam' and turns 'colour' into 'color'; nothing to learn from the whole."""

    name = "clean"
    rounds = 0

    def parameters(self) -> dict[str, Any]:
        return {"spelling": "american"}

    def survey(self, number: int, batch: Batch, plan: Any) -> Survey:
        raise AssertionError((number, batch, plan))

    def decide(self, number: int, surveys: Iterable[Survey], plan: Any, work: Path) -> Any:
        raise AssertionError((number, surveys, plan, work))

    def apply(self, batch: Batch, plan: Any) -> Judged:
        assert plan is None
        removed, texts = {}, {}
        for row, text in enumerate(batch.texts):
            if "spam" in text:
                removed[row] = "spam"
            elif "colour" in text:
                texts[row] = text.replace("colour", "color")
        return Judged(removed, texts, dict.fromkeys(texts, ("spelling.colour",)))

    def report(self, plan: Any) -> dict[str, Any]:
        assert plan is None
        return {}
