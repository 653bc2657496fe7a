"""Several steps as one: each sees what those before it leave."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.corpus.steps.step import Batch, Judged, Step, Survey
from assay.corpus.texts import Texts


class LeftBatch:
    """A batch as some steps leave it. What they removed is an empty text, so that numbers stay as they are."""

    def __init__(self, batch: Batch, judged: Judged) -> None:
        self._batch, self.first = batch, batch.first
        left = list(batch.texts)
        for place, text in judged.texts.items():
            left[place] = text
        for place in judged.removed:
            left[place] = ""
        self._texts = Texts.of(left)

    def __len__(self) -> int:
        return len(self._batch)

    @property
    def texts(self) -> Texts:
        return self._texts

    def column(self, name: str) -> Sequence[str]:
        """A field of each document."""
        return self._batch.column(name)


@dataclass(frozen=True)
class InTurn:
    """Steps over documents one after the other, in one step. They leave documents without text alone."""

    steps: tuple[Step, ...]
    name: str = "dedup"

    @property
    def rounds(self) -> int:
        """Surveys of all steps."""
        return sum(step.rounds for step in self.steps)

    def parameters(self) -> dict[str, Any]:
        """Those of all steps."""
        return {"steps": [step.parameters() for step in self.steps]}

    def _at(self, number: int) -> tuple[int, int]:
        """Which step a round is of, and which round of that step it is."""
        place = 0
        while number >= self.steps[place].rounds:
            number -= self.steps[place].rounds
            place += 1
        return place, number

    def survey(self, number: int, batch: Batch, plan: Any) -> Survey:
        """What the step whose turn it is sees."""
        place, number = self._at(number)
        done, current = plan if plan else ((), None)
        return self.steps[place].survey(number, self._left(batch, done), current)

    def decide(self, number: int, surveys: Iterable[Survey], plan: Any, work: Path) -> Any:
        """Plans of the steps that are through, and that of the one whose turn it is."""
        place, number = self._at(number)
        done, current = plan if plan else ((), None)
        current = self.steps[place].decide(number, surveys, current, work)
        return ((*done, current), None) if number + 1 == self.steps[place].rounds else (done, current)

    def _left(self, batch: Batch, plans: Sequence[Any]) -> Batch:
        judged = self._judged(batch, plans)
        return LeftBatch(batch, judged) if judged.removed or judged.texts else batch

    def _judged(self, batch: Batch, plans: Sequence[Any]) -> Judged:
        removed: dict[int, str] = {}
        texts: dict[int, str] = {}
        changed: dict[int, tuple[str, ...]] = {}
        details: dict[int, str] = {}
        left = batch
        for step, plan in zip(self.steps, plans, strict=False):
            judged = step.apply(left, plan)
            removed |= judged.removed
            texts |= judged.texts
            for place, rules in judged.changed.items():
                changed[place] = (*changed.get(place, ()), *rules)
            for place, detail in judged.details.items():
                before = details.get(place) if place not in judged.removed else None
                details[place] = f"{before}; {detail}" if before else detail
            if judged.removed or judged.texts:
                left = LeftBatch(left, judged)
        for place in removed:
            texts.pop(place, None)
            changed.pop(place, None)
        return Judged(removed, texts, changed, details)

    def apply(self, batch: Batch, plan: Any) -> Judged:
        """What becomes of a batch after all of them."""
        return self._judged(batch, plan[0])

    def report(self, plan: Any) -> dict[str, Any]:
        """What each step reports, together."""
        reports = (step.report(done) for step, done in zip(self.steps, plan[0], strict=True))
        return {name: value for report in reports for name, value in report.items()}
