"""The last word of a passage, as in LAMBADA."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from assay.evaluation.task import Measured, Query, Row

if TYPE_CHECKING:
    from assay.evaluation.reader import Reader


class LastWord:
    """Rows `text`: all but the last word is read, and the last word, with the space before it, is to be predicted.

    `accuracy`: each of its tokens is the likeliest one; `bits`: what the word costs (Paperno et al. 2016, "The LAMBADA
    dataset"; split at the last space, as in lm-evaluation-harness).
    """

    fields = ("text",)

    def read(self, row: Row) -> Query:
        text = row.text("text").rstrip()
        prompt, space, word = text.rpartition(" ")
        if not prompt.strip():
            raise row.wrong("text", "at least two words", text)
        return Query(prompt, space + word)

    def measure(self, items: Sequence[Query], reader: "Reader") -> list[Measured]:
        answers = reader.continuations(items)
        return [Measured({"accuracy": float(a.greedy), "bits": a.nats / math.log(2)}) for a in answers]

    def texts(self, item: Query) -> list[str]:
        return [item.prompt + item.continuation]
