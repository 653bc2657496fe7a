"""Shingles: hashes of all runs of n consecutive words of a text (Broder 1997, "On the resemblance and containment of
documents")."""

from dataclasses import dataclass

import numpy as np

from assay.corpus.deduplication.words import Words, mixed

_FACTOR = np.uint64(0xD6E8FEB86659FD93)


@dataclass(frozen=True)
class Shingles:
    """The shingles of N texts, in the order of the text, repeated ones too.

    Attributes:
        hashes: (shingles,) uint64.
        offsets: (N+1,) int64; those of text i are from `offsets[i]` to `offsets[i + 1]`.
    """

    hashes: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1


def shingles_of(words: Words, size: int) -> Shingles:
    """Shingles of `size` words. A text of fewer words has one of all its words; a text without words has none."""
    counts = words.counts
    each = np.where(counts >= size, counts - size + 1, (counts > 0).astype(counts.dtype))
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(each)))
    short = np.flatnonzero((counts > 0) & (counts < size))
    rolling = rolling_hashes(words.hashes, size)
    kept = np.ones(len(rolling), bool)
    for back in range(1, size):  # runs that begin in one text and end in another
        crossing = words.offsets[1:-1] - back
        kept[crossing[(crossing >= 0) & (crossing < len(kept))]] = False
    if not len(short):
        return Shingles(mixed(rolling[kept]), offsets)
    hashes = np.empty(int(offsets[-1]), np.uint64)
    whole = np.ones(len(hashes), bool)
    whole[offsets[short]] = False
    hashes[whole] = rolling[kept]
    for text in short:
        first, last = words.offsets[text], words.offsets[text + 1]
        hashes[offsets[text]] = rolling_hashes(words.hashes[first:last], int(last - first))[0] + np.uint64(last - first)
    return Shingles(mixed(hashes), offsets)


def rolling_hashes(hashes: np.ndarray, size: int) -> np.ndarray:
    """Hash of every run of `size` consecutive values, (values − size + 1,): a polynomial modulo 2⁶⁴, not yet mixed."""
    count = max(len(hashes) - size + 1, 0)
    rolled = hashes[:count].copy()
    for place in range(1, size):
        rolled *= _FACTOR
        rolled += hashes[place : place + count]
    return rolled
