"""Texts cut into blocks of words that numpy makes short work of; no n-gram of a text is lost at a border."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from assay.corpus.decontamination.words import Words, words_of
from assay.corpus.texts import Texts

#: What numpy makes of so many bytes stays in the processor's cache.
BLOCK_BYTES = 1 << 18


@dataclass(frozen=True)
class Block:
    """Consecutive texts, or a piece of one that is longer than a block.

    Attributes:
        words: of them.
        first: number of the first text.
        offset: where the block begins in the buffer of all texts.
        fresh: of the words, so many are in no later block.
    """

    words: Words
    first: int
    offset: int
    fresh: int


def blocks(texts: Texts, overlap: int, size: int = BLOCK_BYTES) -> Iterator[Block]:
    """Cut texts into blocks. Where a text is cut depends on that text alone.

    Args:
        overlap: words that two pieces of one text share.
        size: bytes of a block.
    """
    offsets = texts.offsets
    i = 0
    while i < len(texts):
        if offsets[i + 1] - offsets[i] > size:
            yield from _pieces(texts, i, overlap, size)
            i += 1
            continue
        end = int(np.searchsorted(offsets, offsets[i] + size, "right")) - 1
        bounds = offsets[i : end + 1] - offsets[i]
        words = words_of(texts.data[offsets[i] : offsets[end]], bounds)
        yield Block(words, i, int(offsets[i]), len(words.hashes))
        i = end


def _pieces(texts: Texts, i: int, overlap: int, size: int) -> Iterator[Block]:
    begin, last = int(texts.offsets[i]), int(texts.offsets[i + 1])
    while begin < last:
        end = min(begin + size, last)
        if end < last:
            end = _border(texts.data, begin, end)
        words = words_of(texts.data[begin:end], np.array([0, end - begin]))
        count = len(words.hashes)
        again = begin + int(words.start(np.array([count - overlap]))[0]) if count > overlap else end
        if end == last or again <= begin:  # without progress: words as long as a block
            again = end
        fresh = count if again == end else count - overlap
        yield Block(words, i, begin, fresh)
        begin = again


def _border(data: np.ndarray, begin: int, end: int) -> int:
    """The last place up to `end` after white space; in its absence one between characters."""
    space = np.flatnonzero(data[begin:end] <= 32)
    if len(space) and space[-1] > 0:
        return begin + int(space[-1]) + 1
    while data[end] & 0xC0 == 0x80:
        end -= 1
    return end
