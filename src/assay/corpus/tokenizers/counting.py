"""How often each word occurs: all that the training of a BPE needs to know of a text."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay.corpus.tokenizers.words import SEPARATOR, stream_words

#: With more different words than this the rarest are forgotten, so that memory has a bound. Their number grows slower
#: than text (Heaps 1978): a gigabyte of prose and code in ten languages has about four million.
MOST_WORDS = 8_000_000
_MERGED_AT = 1 << 20


def count_words(documents: Iterable[bytes], most: int = MOST_WORDS) -> tuple[pa.Array, np.ndarray]:
    """Different words of documents in UTF-8, and how often each occurs, (words,) int64, in no particular order."""
    counts = Counts(most)
    for words in stream_words(documents):
        counts.add(words)
    return counts.result()


class Counts:
    """Counts of words as they come."""

    def __init__(self, most: int = MOST_WORDS) -> None:
        self._most = most
        self._whole = _table(pa.array([], pa.large_binary()), pa.array([], pa.int64()))
        self._parts: list[pa.Table] = []
        self._waiting = 0

    def add(self, words: pa.Array) -> None:
        """Count words, separators left out."""
        found: Any = words.value_counts()
        values, counts = found.field(0), found.field(1)
        self._parts.append(_table(values.cast(pa.large_binary()), counts))
        self._waiting += len(values)
        if self._waiting >= max(_MERGED_AT, len(self._whole)):
            self._merge()

    def result(self) -> tuple[pa.Array, np.ndarray]:
        self._merge()
        kept = self._whole.filter(pc.not_equal(self._whole["word"], SEPARATOR))  # pyright: ignore[reportAttributeAccessIssue]
        return kept["word"].combine_chunks(), kept["count"].to_numpy()

    def _merge(self) -> None:
        table: Any = pa.concat_tables([self._whole, *self._parts])
        summed = table.group_by("word").aggregate([("count", "sum")])
        self._whole = _table(summed["word"].combine_chunks(), summed["count_sum"].combine_chunks())
        self._parts, self._waiting = [], 0
        while len(self._whole) > self._most:
            rarest: Any = pc.min(self._whole["count"])  # pyright: ignore[reportAttributeAccessIssue]
            self._whole = self._whole.filter(pc.greater(self._whole["count"], rarest))  # pyright: ignore[reportAttributeAccessIssue]


def _table(words: Any, counts: Any) -> pa.Table:
    return pa.table({"word": words, "count": counts})
