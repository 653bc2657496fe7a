"""Fingerprints of texts by winnowing (Schleimer, Wilkerson, Aiken 2003, "Winnowing: local algorithms for document
fingerprinting"): of every w consecutive hashes of k words, the least is chosen, so that two texts that share k + w − 1
words in a row share a chosen hash."""

from dataclasses import dataclass

import numpy as np

from assay.corpus.deduplication.shingles import rolling_hashes
from assay.corpus.deduplication.units import indexes
from assay.corpus.deduplication.words import Words, mixed

_NONE = np.uint64((1 << 64) - 1)


@dataclass(frozen=True)
class Fingerprints:
    """Chosen hashes of texts.

    Attributes:
        hashes: (F,) uint64.
        places: (F,) int64, the word at which each begins.
        offsets: (N+1,) int64, where the words of each text begin.
        size: words of each hash.
        length: words of a passage.
    """

    hashes: np.ndarray
    places: np.ndarray
    offsets: np.ndarray
    size: int
    length: int

    def around(self, keys: np.ndarray) -> np.ndarray:
        """Words at which those passages begin that contain one of the hashes `keys` (ascending), in ascending order."""
        hits = self.places[indexes(keys, self.hashes) >= 0]
        total = int(self.offsets[-1])
        opened = np.bincount(np.maximum(hits - (self.length - self.size), 0), minlength=total + 1)
        marks = opened - np.bincount(hits + 1, minlength=total + 1)
        begins = np.flatnonzero(np.cumsum(marks)[:total] > 0)
        ends = self.offsets[np.searchsorted(self.offsets, begins, side="right")]
        return begins[begins + self.length <= ends]


def chosen_fingerprints(words: Words, length: int) -> Fingerprints:
    """Fingerprints such that equal passages of `length` words have one in common, for whichever texts they are in."""
    size = (length + 1) // 2
    window = length - size + 1
    hashes = mixed(rolling_hashes(words.hashes, size))
    valid = np.ones(len(hashes), bool)
    for back in range(1, size):
        crossing = words.offsets[1:-1] - back
        valid[crossing[(crossing >= 0) & (crossing < len(valid))]] = False
    hashes[~valid] = _NONE
    if len(hashes) < window:
        places = np.empty(0, np.int64)
    else:
        least = _sliding(hashes, window, np.minimum)
        edge = np.zeros(window - 1, np.uint64)
        chosen = _sliding(np.concatenate((edge, least, edge)), window, np.maximum) == hashes
        places = np.flatnonzero(chosen & valid)
    return Fingerprints(hashes[places], places, words.offsets, size, length)


def passage_hashes(hashes: np.ndarray, length: int) -> np.ndarray:
    """(words − length + 1,) uint64, hash of all words of each passage of `length` words."""
    return mixed(rolling_hashes(hashes, length) ^ np.uint64(length))


def _sliding(values: np.ndarray, window: int, combine: np.ufunc) -> np.ndarray:
    """Least or greatest of every `window` consecutive values, (values − window + 1,), by doubling."""
    found, span = values, 1
    while 2 * span <= window:
        found = combine(found[:-span], found[span:])
        span *= 2
    rest = window - span
    return combine(found[: len(found) - rest], found[rest:]) if rest else found
