"""Locality-sensitive hashing: which pairs of documents are worth comparing, from bands of their signatures.

A signature of K values is read as b bands of r = K / b values (Broder 1997; Leskovec, Rajaraman and Ullman, "Mining of
Massive Datasets", section 3.4). Two documents are candidates if they agree in all values of a band. Each value is used
twice: in a band of consecutive values, and in one of values that stand b apart, so that two of these bands share at
most one value. That finds more of what is just above the threshold, and costs a second sorting of short keys; what
it lets through in vain is compared word by word and dropped.
"""

from dataclasses import dataclass

import numpy as np

from assay.corpus.deduplication.signatures import EMPTY
from assay.corpus.deduplication.words import mixed

#: Arrangements of a signature's values into bands.
ARRANGEMENTS = 2
#: The key of documents without words, which are no candidates.
NO_KEY = np.uint64(0)


@dataclass(frozen=True)
class Banding:
    """How signatures are cut into bands.

    Attributes:
        permutations: values of a signature, K.
        bands: b, bands of each arrangement; what is left of K by division is not used.
    """

    permutations: int = 112
    bands: int = 14

    @property
    def rows(self) -> int:
        """Values of a band."""
        return self.permutations // self.bands

    @property
    def tables(self) -> int:
        """Bands in all arrangements."""
        return ARRANGEMENTS * self.bands if self.rows > 1 and self.bands > 1 else self.bands

    def probability(self, similarity: np.ndarray | float) -> np.ndarray:
        """The S-curve: how likely documents of a Jaccard similarity are to become candidates.

        Taken as if bands were independent; those that share a value are nearly so.
        """
        return 1 - (1 - np.asarray(similarity, float) ** self.rows) ** self.tables

    @property
    def middle(self) -> float:
        """The similarity at which half the pairs become candidates."""
        return float((1 - 0.5 ** (1 / self.tables)) ** (1 / self.rows))

    def keys(self, signatures: np.ndarray) -> np.ndarray:
        """(N, tables) uint64, one key for each band of each signature (N, permutations); `NO_KEY` without words."""
        used = signatures[:, : self.bands * self.rows].astype(np.uint64)
        factors = mixed(np.arange(1, self.rows + 1, dtype=np.uint64)) | np.uint64(1)
        consecutive = used.reshape(-1, self.bands, self.rows)
        apart = used.reshape(-1, self.rows, self.bands).transpose(0, 2, 1)
        arrangements = (consecutive, apart)[: self.tables // self.bands]
        keys = mixed(np.concatenate([(values * factors).sum(axis=2) for values in arrangements], axis=1))
        keys |= np.uint64(1)
        keys[signatures[:, 0] == EMPTY] = NO_KEY
        return keys


def candidates(keys: np.ndarray) -> np.ndarray:
    """Pairs worth comparing among documents with equal keys in one table, as (pairs, 2) int64, the earlier one first.

    Args:
        keys: (N,) uint64.

    Of n documents with one key it takes the first with each other one, and each one with the next: 2n instead of n².
    """
    bits = max(len(keys) - 1, 1).bit_length()
    numbers = np.arange(len(keys), dtype=np.uint64)
    known = keys != NO_KEY
    packed = np.sort((keys[known] >> np.uint64(bits) << np.uint64(bits)) | numbers[known])
    high = packed >> np.uint64(bits)
    places = (packed & np.uint64((1 << bits) - 1)).astype(np.int64)
    follows = np.flatnonzero(high[1:] == high[:-1]) + 1
    if not len(follows):
        return np.empty((0, 2), np.int64)
    begins = np.concatenate(([0], np.flatnonzero(high[1:] != high[:-1]) + 1))
    first = begins[np.searchsorted(begins, follows, side="right") - 1]
    later = follows[first != follows - 1]
    return np.concatenate(
        (
            np.stack((places[first], places[follows]), axis=1),
            np.stack((places[later - 1], places[later]), axis=1),
        )
    )


def unique_pairs(pairs: np.ndarray, count: int) -> np.ndarray:
    """The pairs in order, each once. `count` is the number of documents, at most 2³²."""
    packed = np.unique(pairs[:, 0].astype(np.uint64) * np.uint64(count) + pairs[:, 1].astype(np.uint64))
    return np.stack(np.divmod(packed, np.uint64(count)), axis=1).astype(np.int64)
