"""Multiple choice in ARC's format."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assay.evaluation.choice import Choice, choice_texts, measure_choices
from assay.evaluation.task import Measured, Row

if TYPE_CHECKING:
    from assay.evaluation.reader import Reader


class Arc:
    """Rows `query`, `choices`, `gold` (number of the right choice, from 0).

    The model reads the query, a line break and "Answer:", then a space and each choice, as in lm-evaluation-harness
    (Clark et al. 2018, "Think you have Solved Question Answering?").
    """

    fields = ("query", "choices", "gold")

    def read(self, row: Row) -> Choice:
        choices = tuple(row.texts("choices"))
        return Choice(f"{row.text('query')}\nAnswer:", " ", choices, row.index("gold", len(choices)))

    def measure(self, items: Sequence[Choice], reader: "Reader") -> list[Measured]:
        return measure_choices(items, reader)

    def texts(self, item: Choice) -> list[str]:
        return choice_texts(item)
