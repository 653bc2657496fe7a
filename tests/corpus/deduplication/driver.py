"""Runs a step over texts in memory, cut into any number of batches."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from assay.corpus.steps.step import Judged, Step
from assay.corpus.texts import Texts


class ListBatch:
    """Some of a list of texts; their ids are their numbers."""

    def __init__(self, texts: Sequence[str], first: int) -> None:
        self.texts, self.first = Texts.of(texts), first

    def __len__(self) -> int:
        return len(self.texts)

    def column(self, name: str) -> list[str]:
        return ["prose" if name == "domain" else str(self.first + place) for place in range(len(self))]


def run(step: Step, texts: Sequence[str], work: Path, batches: int = 1) -> tuple[list[str | None], Judged, Any]:
    """The texts that come out (None: removed), what was judged, and the report."""
    cuts = np.linspace(0, len(texts), batches + 1).astype(int)
    made = [ListBatch(texts[first:last], int(first)) for first, last in pairwise(cuts)]
    plan: Any = None
    for number in range(step.rounds):
        folder = work / f"{batches}-{number}-{len(list(work.iterdir()))}"
        folder.mkdir()
        plan = step.decide(number, [step.survey(number, batch, plan) for batch in made], plan, folder)
    left: list[str | None] = list(texts)
    removed: dict[int, str] = {}
    changed: dict[int, tuple[str, ...]] = {}
    details: dict[int, str] = {}
    for batch in made:
        judged = step.apply(batch, plan)
        for place, text in judged.texts.items():
            left[batch.first + place] = text
        for place, rule in judged.removed.items():
            left[batch.first + place] = None
            removed[batch.first + place] = rule
        changed |= {batch.first + place: rules for place, rules in judged.changed.items()}
        details |= {batch.first + place: detail for place, detail in judged.details.items()}
    return left, Judged(removed, {}, changed, details), step.report(plan)
