"""Exact Jaccard similarity of sets of shingles, for many pairs at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.corpus.deduplication.shingles import Shingles

#: Values sorted together.
_TOGETHER = 1 << 18


@dataclass(frozen=True)
class ShingleSets:
    """The sets of shingles of N documents.

    Attributes:
        values: (values,) uint32, the sets one after the other, each in ascending order.
        offsets: (N+1,) int64.
        sums: (N,) uint64, equal for equal sets; of all bits of the shingles.
    """

    values: np.ndarray
    offsets: np.ndarray
    sums: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def sizes(self) -> np.ndarray:
        return np.diff(self.offsets)

    def __getitem__(self, number: int) -> np.ndarray:
        return self.values[self.offsets[number] : self.offsets[number + 1]]


def sets_of(shingles: Shingles) -> ShingleSets:
    """Sets of the lower halves of shingles' hashes. Two different shingles are taken for one with probability 2⁻³²."""
    owners = np.repeat(np.arange(len(shingles), dtype=np.uint64), np.diff(shingles.offsets))
    packed = np.sort((owners << np.uint64(32)) | (shingles.hashes & np.uint64(0xFFFFFFFF)))
    packed = packed[np.diff(packed, prepend=~packed[:1]) != 0]
    values = packed.astype(np.uint32)
    offsets = np.searchsorted(packed, np.arange(len(shingles) + 1, dtype=np.uint64) << np.uint64(32))
    sums = np.zeros(len(shingles), np.uint64)
    full = np.flatnonzero(np.diff(offsets))
    if len(full):
        spread = packed.astype(np.uint32).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        spread ^= spread >> np.uint64(29)
        spread *= np.uint64(0xBF58476D1CE4E5B9)
        sums[full] = np.add.reduceat(spread, offsets[full])
    return ShingleSets(values, offsets, sums)


def joined(parts: Sequence[ShingleSets]) -> ShingleSets:
    """The sets of several groups of documents, one group after the other."""
    sizes = np.concatenate([np.empty(0, np.int64), *(part.sizes for part in parts)])
    return ShingleSets(
        np.concatenate([np.empty(0, np.uint32), *(part.values for part in parts)]),
        np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes))),
        np.concatenate([np.empty(0, np.uint64), *(part.sums for part in parts)]),
    )


def jaccard(one: np.ndarray, other: np.ndarray) -> float:
    """Jaccard similarity of two sets, each in ascending order without repeats."""
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / max(len(one) + len(other) - shared, 1)


def jaccards(sets: ShingleSets, pairs: np.ndarray, least: float) -> np.ndarray:
    """(pairs,) float64, the Jaccard similarity of each pair; 0 where the sizes alone say that it is under `least`."""
    sizes = sets.sizes
    small = np.minimum(sizes[pairs[:, 0]], sizes[pairs[:, 1]])
    large = np.maximum(sizes[pairs[:, 0]], sizes[pairs[:, 1]])
    found = np.zeros(len(pairs))
    equal = (small == large) & (sets.sums[pairs[:, 0]] == sets.sums[pairs[:, 1]])
    found[equal] = 1.0
    open_ = np.flatnonzero(~equal & (small >= least * large))
    weights = np.cumsum(small[open_] + large[open_])
    first = 0
    while first < len(open_):
        before = weights[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(weights, before + _TOGETHER, side="right")))
        part = open_[first:last]
        shared = _shared(sets, pairs[part])
        found[part] = shared / np.maximum(small[part] + large[part] - shared, 1)
        first = last
    return found


def _shared(sets: ShingleSets, pairs: np.ndarray) -> np.ndarray:
    """How many values both sets of each pair have."""
    pieces = [
        np.uint64(place) << np.uint64(32) | sets[number].astype(np.uint64)
        for place, pair in enumerate(pairs)
        for number in pair
    ]
    packed = np.sort(np.concatenate(pieces))
    twice = packed[1:][packed[1:] == packed[:-1]]
    return np.bincount((twice >> np.uint64(32)).astype(np.int64), minlength=len(pairs))
