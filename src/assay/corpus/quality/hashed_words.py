"""Hashed words and pairs of words of many texts at once.

A word is a run of letters, digits and whatever is beyond ASCII, or a run of punctuation; letters are folded to lower
case and every digit to 0. The features of a text are the square roots of the relative frequencies of its words and
pairs, so that every text has length one, however long it is, and frequent words do not drown the rest (the Hellinger
kernel).
"""

from collections import Counter

import numpy as np
from scipy.sparse import csr_matrix

from assay.corpus.quality.features import Grams
from assay.corpus.texts import Texts

BITS = 18
BUCKETS = 1 << BITS
#: Of a longer text, only so many bytes from its beginning are looked at.
MOST_BYTES = 1 << 20
_TOGETHER = 1 << 20  # bytes of text that are taken apart at once
_SPACE, _WORD, _PUNCTUATION = 0, 1, 2
_PRIMES = tuple(np.uint64(p) for p in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_MASKS = np.array([(1 << 8 * n) - 1 for n in range(8)] + [2**64 - 1], np.uint64)


def _tables() -> tuple[np.ndarray, np.ndarray]:
    """Class and folded form of each byte."""
    kinds = np.full(256, _PUNCTUATION, np.uint8)
    kinds[128:] = _WORD
    kinds[:33] = _SPACE
    kinds[127] = _SPACE
    folded = np.arange(256, dtype=np.uint8)
    for byte in range(128):
        if chr(byte).isalnum():
            kinds[byte] = _WORD
            folded[byte] = ord("0") if chr(byte).isdigit() else ord(chr(byte).lower())
    return kinds, folded


_KIND, _FOLDED = _tables()


def features(texts: Texts) -> csr_matrix:
    """(N, BUCKETS) float32 features; each row has length one, or is zero for a text without words."""
    indices: list[np.ndarray] = []
    values: list[np.ndarray] = []
    counts = np.zeros(len(texts), np.int64)
    for first, last in _chunks(texts):
        owner_F, bucket_F = hashed(texts, first, last)
        # 32 bits are sorted several times as fast as 64, and there are rarely more than 2**14 texts in a chunk.
        sort_as = np.uint32 if last - first <= 1 << (32 - BITS) else np.int64
        keys, times = np.unique((owner_F << BITS | bucket_F).astype(sort_as), return_counts=True)
        owners = (keys >> BITS).astype(np.int64)
        total_N = np.bincount(owners, times, last - first)
        indices.append((keys & (BUCKETS - 1)).astype(np.int32))
        values.append(np.sqrt(times / total_N[owners]).astype(np.float32))
        counts[first:last] = np.bincount(owners, minlength=last - first)
    rows = np.concatenate(([0], np.cumsum(counts)))
    empty = np.zeros(0, np.float32)
    return csr_matrix(
        (np.concatenate([empty, *values]), np.concatenate([empty.astype(np.int32), *indices]), rows),
        (len(texts), BUCKETS),
    )


def _chunks(texts: Texts) -> list[tuple[int, int]]:
    """Consecutive ranges of texts of about `_TOGETHER` bytes."""
    seen = np.concatenate(([0], np.cumsum(np.minimum(texts.sizes, MOST_BYTES))))
    chunks, first = [], 0
    while first < len(texts):
        last = max(first + 1, int(np.searchsorted(seen, seen[first] + _TOGETHER, side="right")) - 1)
        chunks.append((first, last))
        first = last
    return chunks


def hashed(texts: Texts, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Words and pairs of texts `first` to `last`: whose each is, counted from `first`, and its bucket; int64."""
    data, offsets = _part(texts, first, last)
    starts, ends = _words(data, offsets)
    owner_W = np.searchsorted(offsets, starts, side="right") - 1
    word_W = _hashes(data, starts, ends - starts)
    paired = owner_W[1:] == owner_W[:-1]
    pair_W = _mixed(word_W[:-1] * _PRIMES[1] + word_W[1:])[paired]
    buckets = np.concatenate((word_W, pair_W)) >> np.uint64(64 - BITS)
    return np.concatenate((owner_W, owner_W[1:][paired])), buckets.astype(np.int64)


def _part(texts: Texts, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Bytes of texts `first` to `last`, and where each begins. A long text is always the only one of its chunk."""
    data = texts.data[texts.offsets[first] : texts.offsets[last]]
    if last == first + 1 and len(data) > MOST_BYTES:
        return data[:MOST_BYTES], np.array([0, MOST_BYTES])
    return data, texts.offsets[first : last + 1] - texts.offsets[first]


def _words(data: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where words begin and end. No word reaches beyond its text."""
    kinds = _KIND[data]
    new = np.ones(len(kinds) + 1, bool)
    np.not_equal(kinds[1:], kinds[:-1], out=new[1:-1])
    new[offsets] = True
    borders = np.flatnonzero(new)
    inside = kinds[borders[:-1]] != _SPACE
    return borders[:-1][inside], borders[1:][inside]


def _hashes(data: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """A 64-bit hash of each word: of its first and last eight bytes and its length, so that long ones cost no more."""
    folded = np.concatenate((_FOLDED[data], np.zeros(8, np.uint8)))
    eight = np.ndarray((len(folded) - 7,), "<u8", folded.data, strides=(1,))  # the eight bytes from each place on
    hashes = _mixed((eight[starts] & _MASKS[np.minimum(lengths, 8)]) + lengths.astype(np.uint64) * _PRIMES[0])
    long = np.flatnonzero(lengths > 8)
    hashes[long] = _mixed(hashes[long] ^ eight[starts[long] + lengths[long] - 8])
    return hashes


def _mixed(values: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser (Steele, Lea and Flood 2014): every bit of the result depends on every bit given."""
    values = values + _PRIMES[0]
    values = (values ^ (values >> np.uint64(30))) * _PRIMES[1]
    values = (values ^ (values >> np.uint64(27))) * _PRIMES[2]
    return values ^ (values >> np.uint64(31))


def names(texts: Texts, wanted: np.ndarray) -> dict[int, str]:
    """The commonest word or pair, in texts, of each bucket that is wanted; of several words in a bucket the others
    hide behind it."""
    seen: dict[int, Counter[bytes]] = {int(bucket): Counter() for bucket in wanted}
    table = np.zeros(BUCKETS, bool)
    table[wanted] = True
    for first, last in _chunks(texts):
        data, offsets = _part(texts, first, last)
        starts, ends = _words(data, offsets)
        owner_F, bucket_F = hashed(texts, first, last)
        folded = _FOLDED[data]
        second_F = np.concatenate((np.arange(len(starts)), np.flatnonzero(np.diff(owner_F[: len(starts)]) == 0) + 1))
        for feature in np.flatnonzero(table[bucket_F]).tolist():
            last_word = int(second_F[feature])
            words = range(last_word - int(feature >= len(starts)), last_word + 1)
            said = b" ".join(folded[starts[word] : ends[word]].tobytes() for word in words)
            seen[int(bucket_F[feature])][said] += 1
    return {bucket: found.most_common(1)[0][0].decode(errors="replace") for bucket, found in seen.items() if found}


class HashedWords:
    """Square roots of the shares of a text's words and pairs, by their hash."""

    description = "hashed words and pairs of words"
    width = BUCKETS
    hash = ""

    def matrix(self, texts: Texts) -> csr_matrix:
        return features(texts)

    def grams(self, texts: Texts, weights: np.ndarray) -> Grams:
        return Grams(features(texts), weights, lambda wanted: names(texts, wanted))


HASHED_WORDS = HashedWords()
