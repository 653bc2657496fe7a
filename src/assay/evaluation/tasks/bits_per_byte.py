"""Bits per byte of texts, by domain."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from assay.evaluation.task import Measured, Row, bits_per_byte

if TYPE_CHECKING:
    from assay.evaluation.reader import Reader


class Passage(NamedTuple):
    """A text to be read."""

    domain: str
    text: str


class BitsPerByte:
    """Rows `text`, and `domain` by which results are grouped; read as a corpus's held-out spans are.

    Means are over bytes, so that they do not depend on how texts are cut (Gao et al. 2020, "The Pile", section 3.1).
    """

    fields = ("text",)

    def read(self, row: Row) -> Passage:
        return Passage(row.optional("domain"), row.text("text"))

    def measure(self, items: Sequence[Passage], reader: "Reader") -> list[Measured]:
        losses = reader.texts([item.text for item in items])
        return [
            Measured({"bits_per_byte": bits_per_byte(nats, item.text)}, item.domain, len(item.text.encode()))
            for nats, item in zip(losses, items, strict=True)
        ]

    def texts(self, item: Passage) -> list[str]:
        return [item.text]
