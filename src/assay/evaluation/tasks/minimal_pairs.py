"""Minimal pairs: does the model find the acceptable sentence likelier than its twin that breaks one rule?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assay.evaluation.choice import Choice, choice_texts, measure_choices
from assay.evaluation.task import Measured, Row

if TYPE_CHECKING:
    from assay.evaluation.reader import Reader


class MinimalPairs:
    """Rows of BLiMP: `sentence_good`, `sentence_bad`, and `paradigm` (or `UID`), by which results are grouped.

    Each sentence is read whole, after end of text; its likelihood is not divided by its length (Warstadt et al. 2020,
    "BLiMP", section 3, the simple method).
    """

    fields = ("sentence_good", "sentence_bad")

    def read(self, row: Row) -> Choice:
        sentences = row.text("sentence_good"), row.text("sentence_bad")
        return Choice("", "", sentences, 0, row.optional("paradigm", "UID"))

    def measure(self, items: Sequence[Choice], reader: "Reader") -> list[Measured]:
        return measure_choices(items, reader, ("accuracy", "bits_per_byte"))

    def texts(self, item: Choice) -> list[str]:
        return choice_texts(item)
