"""Runs a step over documents in memory, cut into batches at will."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assay.corpus.decontamination.step import Decontaminate, Plan
from assay.corpus.steps.step import Judged
from assay.corpus.texts import Texts


class Batch:
    """Documents as dictionaries."""

    def __init__(self, first: int, documents: Sequence[dict[str, str]]) -> None:
        self.first, self._documents = first, documents
        self.texts = Texts.of([document["text"] for document in documents])

    def __len__(self) -> int:
        return len(self._documents)

    def column(self, name: str) -> list[str]:
        return [document.get(name, "") for document in self._documents]


def documents(*texts: str, **fields: str) -> list[dict[str, str]]:
    return [{"text": text, "id": str(i), "domain": "prose", **fields} for i, text in enumerate(texts)]


def run(step: Decontaminate, given: Sequence[dict[str, str]], size: int = 1000) -> tuple[Plan, Judged]:
    """The plan and what becomes of all documents, numbered in the whole."""
    batches = [Batch(i, given[i : i + size]) for i in range(0, len(given), size)]
    plan = step.decide(0, (step.survey(0, batch, None) for batch in batches), None, Path("unused"))
    parts: dict[str, dict[int, Any]] = {"removed": {}, "texts": {}, "changed": {}, "details": {}}
    for batch in batches:
        judged = step.apply(batch, plan)
        for name, found in parts.items():
            found.update({batch.first + i: value for i, value in getattr(judged, name).items()})
    return plan, Judged(**parts)
