"""What the model writes after a prompt, for people to read."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assay.evaluation.task import Measured, Row

if TYPE_CHECKING:
    from assay.evaluation.reader import Reader

TOKENS, TEMPERATURE = 128, 0.8


class Samples:
    """Rows `prompt` (may be empty): at most 128 tokens drawn at temperature 0.8, up to end of text.

    Nothing is scored. Every model draws with the same random numbers, one stream a row.
    """

    fields = ("prompt",)

    def read(self, row: Row) -> str:
        return row.text("prompt", empty=True)

    def measure(self, items: Sequence[str], reader: "Reader") -> list[Measured]:
        return [Measured({}, text=text) for text in reader.write(items, TOKENS, TEMPERATURE)]

    def texts(self, item: str) -> list[str]:
        return [item]
