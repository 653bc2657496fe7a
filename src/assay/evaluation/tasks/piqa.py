"""Multiple choice in PIQA's format: which of two ways leads to a goal?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assay.evaluation.choice import Choice, choice_texts, measure_choices
from assay.evaluation.task import Measured, Row

if TYPE_CHECKING:
    from assay.evaluation.reader import Reader


class Piqa:
    """Rows `goal`, `sol1`, `sol2`, `label` (0 or 1).

    The model reads "Question: ", the goal, a line break and "Answer:", then a space and each solution, as in
    lm-evaluation-harness (Bisk et al. 2020, "PIQA").
    """

    fields = ("goal", "sol1", "sol2", "label")

    def read(self, row: Row) -> Choice:
        prompt = f"Question: {row.text('goal')}\nAnswer:"
        return Choice(prompt, " ", (row.text("sol1"), row.text("sol2")), row.index("label", 2))

    def measure(self, items: Sequence[Choice], reader: "Reader") -> list[Measured]:
        return measure_choices(items, reader)

    def texts(self, item: Choice) -> list[str]:
        return choice_texts(item)
