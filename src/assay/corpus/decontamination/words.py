"""Words of a block of texts as hashes, and hashes of n consecutive words."""

from dataclasses import dataclass

import numpy as np

from assay.corpus.decontamination.characters import Folded, fold

#: Of a longer word the rest is its length alone.
_LONGEST_WORD = 64
_MASKS = np.array([(1 << 8 * i) - 1 for i in range(9)], np.uint64)
_MIX, _BASE = 0x9E3779B97F4A7C15, 0xD1342543DE82EF95
_INVERSE = pow(_BASE, -1, 1 << 64)
_SHIFT = np.uint64(32)


@dataclass(frozen=True)
class Words:
    """The W words of a block of T texts.

    Attributes:
        hashes: (W,) uint64.
        bounds: (T+1,) int64; text t has the words `bounds[t]` up to `bounds[t + 1]`.
    """

    hashes: np.ndarray
    bounds: np.ndarray
    _starts: np.ndarray
    _ends: np.ndarray
    _folded: Folded
    _block: np.ndarray
    _powers: tuple[np.ndarray, np.ndarray]

    def grams(self) -> "Grams":
        """What gives the hash of any n consecutive words."""
        sums = np.empty(len(self.hashes) + 1, np.uint64)
        sums[0] = 0
        np.cumsum(self.hashes * self._powers[0][: len(self.hashes)], out=sums[1:])
        return Grams(sums, self._powers[1])

    def start(self, word: np.ndarray) -> np.ndarray:
        """The byte of the block at which words begin."""
        return self._folded.place(self._starts[word])

    def end(self, word: np.ndarray) -> np.ndarray:
        """The byte of the block after the last one of words."""
        ends = self._folded.place(self._ends[word] - 1) + 1
        for _ in range(3):  # the rest of the last character
            inside = np.minimum(ends, len(self._block) - 1)
            ends = ends + ((ends < len(self._block)) & (self._block[inside] & 0xC0 == 0x80))
        return ends


@dataclass(frozen=True)
class Grams:
    """Hashes of n-grams: Σ hash(word i+k)·B^k modulo 2⁶⁴ (Karp and Rabin 1987), from running sums."""

    sums: np.ndarray
    inverses: np.ndarray

    def all(self, n: int) -> np.ndarray:
        """Of all W-n+1 runs of n words, those across two texts too."""
        if len(self.sums) <= n:
            return np.zeros(0, np.uint64)
        return (self.sums[n:] - self.sums[:-n]) * self.inverses[: len(self.sums) - n]

    def at(self, starts: np.ndarray, n: np.ndarray | int) -> np.ndarray:
        """Of the n words from each of `starts` on."""
        return (self.sums[starts + n] - self.sums[starts]) * self.inverses[starts]


_powers_cache = [np.ones(1, np.uint64), np.ones(1, np.uint64)]


def _powers(count: int) -> tuple[np.ndarray, np.ndarray]:
    """B^0 … and B^-0 …, at least `count` of each."""
    if len(_powers_cache[0]) < count:
        for place, base in enumerate((_BASE, _INVERSE)):
            powers = np.full(2 * count, base, np.uint64)
            powers[0] = 1
            _powers_cache[place] = np.multiply.accumulate(powers)
    return _powers_cache[0], _powers_cache[1]


def words_of(data: np.ndarray, offsets: np.ndarray) -> Words:
    """The words of texts.

    Args:
        data: (B,) uint8, UTF-8.
        offsets: (T+1,) where texts begin and end in `data`, from 0 to B.
    """
    folded = fold(data)
    letters = folded.letters
    borders = offsets if folded.places is None else np.searchsorted(folded.places, offsets)
    starts, ends = _runs(letters, np.union1d(borders, folded.cuts))
    hashes = _hashes(letters, starts, ends - starts)
    powers = _powers(len(hashes) + 1)
    return Words(hashes, np.searchsorted(starts, borders), starts, ends, folded, data, powers)


def _runs(letters: np.ndarray, cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where words begin and end: runs of letters, parted at `cuts` too."""
    inside = letters != 0
    changes = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    if len(inside) and inside[0]:
        changes = np.concatenate([[0], changes])
    if len(inside) and inside[-1]:
        changes = np.concatenate([changes, [len(inside)]])
    starts, ends = changes[::2], changes[1::2]
    cuts = cuts[(cuts > 0) & (cuts < len(inside))]
    cuts = cuts[inside[cuts - 1] & inside[cuts]]
    if len(cuts):
        starts = np.insert(starts, np.searchsorted(starts, cuts), cuts)
        ends = np.insert(ends, np.searchsorted(ends, cuts), cuts)
    return starts, ends


def _hashes(letters: np.ndarray, starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """64-bit hashes of words, eight letters at a time."""
    padded = np.concatenate([letters, np.zeros(8, np.uint8)])
    eights = np.ndarray((len(letters) + 1,), "<u8", padded, strides=(1,))  # from each letter on
    found = eights[starts] & _MASKS[np.minimum(sizes, 8)]
    found *= np.uint64(_MIX)
    found ^= found >> _SHIFT
    for done in range(8, _LONGEST_WORD, 8):
        longer = np.flatnonzero(sizes > done)
        if not len(longer):
            break
        more = eights[starts[longer] + done] & _MASKS[np.minimum(sizes[longer] - done, 8)]
        found[longer] = _mixed((found[longer] ^ more) * np.uint64(_BASE))
    longest = np.flatnonzero(sizes > _LONGEST_WORD)
    found[longest] ^= sizes[longest].astype(np.uint64)
    return _mixed(found * np.uint64(_MIX))


def _mixed(values: np.ndarray) -> np.ndarray:
    return values ^ (values >> _SHIFT)
