"""Multiple choice in HellaSwag's format: which ending goes on?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assay.evaluation.choice import Choice, choice_texts, measure_choices
from assay.evaluation.task import Measured, Row

if TYPE_CHECKING:
    from assay.evaluation.reader import Reader


class Hellaswag:
    """Rows `ctx`, `endings`, `label` (number of the right ending, from 0).

    The model reads the context, then a space and each ending, as in lm-evaluation-harness (Zellers et al. 2019,
    "HellaSwag").
    """

    fields = ("ctx", "endings", "label")

    def read(self, row: Row) -> Choice:
        endings = tuple(row.texts("endings"))
        return Choice(row.text("ctx"), " ", endings, row.index("label", len(endings)))

    def measure(self, items: Sequence[Choice], reader: "Reader") -> list[Measured]:
        return measure_choices(items, reader)

    def texts(self, item: Choice) -> list[str]:
        return choice_texts(item)
