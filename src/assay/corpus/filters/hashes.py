"""Hashes of words, all words of a chunk at once."""

import numpy as np

_LONG = 64  # bytes; longer words are few and hashed one by one
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_STEP = np.uint64(0x9E3779B97F4A7C15)


def mix(values: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele et al., 2014), in place: every bit of the result depends on all bits."""
    values ^= values >> np.uint64(30)
    values *= _MIX
    values ^= values >> np.uint64(27)
    values *= _MIX2
    values ^= values >> np.uint64(31)
    return values


def word_hashes(raw: bytes, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(words,) uint64 hashes of `raw[start:end]`; equal words have equal hashes, in any chunk and process.

    Words are read eight bytes at a time, the last eight zero-padded, which with the length tells words apart.
    """
    padded = np.frombuffer(raw + bytes(16 - len(raw) % 8), "<u8")
    size = end - start
    hashes = mix(_load(padded, start, size) + size.astype(np.uint64) * _STEP)
    longer = np.flatnonzero(size > 8)
    done = 8
    while len(longer) and done < _LONG:
        left = size[longer] - done
        hashes[longer] = mix(hashes[longer] ^ _load(padded, start[longer] + done, left) + _STEP)
        done += 8
        longer = longer[left > 8]
    for each in longer.tolist():
        begin, stop = int(start[each]) + done, int(end[each])
        tail = np.frombuffer(raw[begin:stop] + bytes(-(stop - begin) % 8), "<u8")
        odd = 2 * np.arange(len(tail), dtype=np.uint64) + np.uint64(1)
        hashes[each : each + 1] = mix(hashes[each : each + 1] ^ np.sum(mix(tail ^ odd * _STEP) * odd, dtype=np.uint64))
    return hashes


def short_word(word: str) -> np.uint64:
    """The hash of one word."""
    raw = word.encode()
    return word_hashes(raw, np.zeros(1, np.int64), np.array([len(raw)]))[0]


def _load(padded: np.ndarray, place: np.ndarray, size: np.ndarray) -> np.ndarray:
    """The up to eight bytes at each place of a buffer as a number, those after `size` as zeros."""
    index = place >> 3
    shift = ((place & 7) << 3).astype(np.uint64)
    low = padded[index] >> shift
    low |= padded[index + 1] << (np.uint64(64) - shift)  # a shift by 64 leaves nothing
    empty = np.maximum((8 - size) << 3, 0).astype(np.uint64)
    low &= np.uint64(0xFFFFFFFFFFFFFFFF) >> empty
    return low
