"""MinHash signatures by Fast Similarity Sketching (Dahlgaard, Knudsen, Thorup 2017, arXiv:1704.04370).

Plain MinHash (Broder 1997) evaluates one hash function for each of K values and each shingle. Here a round throws
every shingle into one of K bins and keeps the least hash of each bin; only bins that are still empty see a further
round. Two texts of Jaccard similarity J agree in a share J of their values on average, as with K permutations,
and long texts need one hash for each shingle instead of K.
"""

import numpy as np

from assay.corpus.deduplication.shingles import Shingles
from assay.corpus.deduplication.words import mixed

#: Rounds before each bin that is still empty takes the least of one more hash of all shingles, as in plain MinHash.
ROUNDS = 8
EMPTY = np.uint32(0xFFFFFFFF)
_TOGETHER = 1 << 16
_LOW = np.uint64(0x0FFFFFFF)
_HALF = np.uint64(32)
_SEEDS = mixed(np.arange(1, 1 << 12, dtype=np.uint64)) | np.uint64(1)  # for each round, and for each bin after them


def signatures(shingles: Shingles, size: int) -> np.ndarray:
    """(N, size) uint32, values of each text; all `EMPTY` for texts without shingles."""
    found = np.full((len(shingles), size), EMPTY, np.uint32)
    counts = np.diff(shingles.offsets)
    hashes, owners = shingles.hashes, np.repeat(np.arange(len(shingles), dtype=np.int32), counts)
    for number in range(ROUNDS):
        if number:
            unfinished = (found == EMPTY).any(axis=1)
            kept = unfinished[owners]
            if not kept.any():
                return found
            hashes, owners = hashes[kept], owners[kept]
        for first in range(0, len(hashes), _TOGETHER):
            part = slice(first, first + _TOGETHER)
            _throw(hashes[part], owners[part], number, found)
    _fill(shingles, found)
    return found


def _throw(hashes: np.ndarray, owners: np.ndarray, number: int, found: np.ndarray) -> None:
    """One round for some shingles."""
    thrown = _thrown(hashes, _SEEDS[number])
    bins = (((thrown >> _HALF) * np.uint64(found.shape[1])) >> _HALF).astype(np.int64)
    bins += owners.astype(np.int64) * found.shape[1]
    np.minimum.at(found.reshape(-1), bins, _values(thrown, number))


def _thrown(hashes: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """A further hash of hashes that are already well mixed: multiply-shift with an odd factor for each round."""
    thrown = hashes * seeds
    thrown ^= thrown >> _HALF
    return thrown


def _values(thrown: np.ndarray, number: int) -> np.ndarray:
    """Values of a round: more than those of every round before it, which they therefore never replace."""
    return (thrown & _LOW).astype(np.uint32) | np.uint32(number << 28)


def _fill(shingles: Shingles, found: np.ndarray) -> None:
    """Give each bin that is still empty the least of a hash of its own."""
    counts = np.diff(shingles.offsets)
    texts, bins = np.nonzero((found == EMPTY) & (counts > 0)[:, None])
    sizes = counts[texts]
    ends = np.cumsum(sizes)
    first = 0
    while first < len(texts):
        before = ends[first] - sizes[first]
        last = max(first + 1, int(np.searchsorted(ends, before + _TOGETHER, side="right")))
        segments = ends[first:last] - sizes[first:last] - before
        part = slice(first, last)
        places = np.arange(ends[last - 1] - before) - np.repeat(segments - shingles.offsets[texts[part]], sizes[part])
        thrown = _thrown(shingles.hashes[places], np.repeat(_SEEDS[ROUNDS + bins[part]], sizes[part]))
        found[texts[part], bins[part]] = np.minimum.reduceat(_values(thrown, ROUNDS), segments)
        first = last
