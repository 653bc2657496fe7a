"""Words of many texts at once, as hashes: what near duplicates and repeated passages are looked for with.

A word is a run of letters, digits and underscores, in lower case where it is ASCII; everything else separates words.
Letters of scripts that are written without spaces (Chinese characters, kana) are words of their own, and a run of more
than 64 bytes counts as several words.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from assay.corpus.texts import Texts

#: Bytes looked at together: what numpy makes of them stays in a core's cache.
BLOCK = 1 << 18
LONGEST = 64
_SEPARATOR = 0
_FOLDED = bytes(
    byte + 32 if 65 <= byte <= 90 else byte if byte >= 128 or chr(byte).isalnum() or byte == 95 else _SEPARATOR
    for byte in range(256)
)
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_KEEP = np.array([(1 << 8 * size) - 1 for size in range(9)], np.uint64)


@dataclass(frozen=True)
class Words:
    """The words of N texts.

    Attributes:
        hashes: (words,) uint64, one for each word; equal words have equal ones.
        starts: (words,) int64, where each begins in the texts' data, in bytes.
        ends: (words,) int64, where each ends.
        offsets: (N+1,) int64; the words of text i are those from `offsets[i]` to `offsets[i + 1]`.
    """

    hashes: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def counts(self) -> np.ndarray:
        """Words of each text, (N,)."""
        return np.diff(self.offsets)


def mixed(hashes: np.ndarray) -> np.ndarray:
    """Hashes whose every bit depends on every bit of those given (the finaliser of SplitMix64)."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes ^= hashes >> np.uint64(27)
    hashes *= np.uint64(0x94D049BB133111EB)
    hashes ^= hashes >> np.uint64(31)
    return hashes


def blocks(texts: Texts, size: int = BLOCK) -> Iterator[Texts]:
    """The same texts, about `size` bytes at a time, at least one text in each block."""
    first = 0
    while first < len(texts):
        last = int(np.searchsorted(texts.offsets, texts.offsets[first] + size, side="right")) - 1
        last = max(last, first + 1)
        yield Texts(texts.data, texts.offsets[first : last + 1])
        first = last


def chosen(texts: Texts, places: np.ndarray) -> Texts:
    """Some of the texts, copied."""
    if len(places) == len(texts):
        return texts
    pieces = [texts.data[texts.offsets[place] : texts.offsets[place + 1]] for place in places]
    sizes = np.array([len(piece) for piece in pieces], np.int64)
    data = np.concatenate(pieces) if pieces else np.empty(0, np.uint8)
    return Texts(data, np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes))))


def words_of(texts: Texts) -> Words:
    """The words of texts. Memory: about four times theirs; see `blocks` for taking them in parts."""
    pieces = _pieces(texts) if len(texts) == 1 else [texts]
    if len(pieces) == 1:
        return _words(texts)
    parts = [_words(piece) for piece in pieces]
    hashes = np.concatenate([part.hashes for part in parts])
    starts, ends = np.concatenate([part.starts for part in parts]), np.concatenate([part.ends for part in parts])
    return Words(hashes, starts, ends, np.array([0, len(hashes)]))


def _words(texts: Texts) -> Words:
    begin, end = int(texts.offsets[0]), int(texts.offsets[-1])
    offsets = texts.offsets - begin
    folded = texts.data[begin:end].tobytes().translate(_FOLDED) + bytes(8)
    data = np.frombuffer(folded, np.uint8)[: end - begin]
    starts, ends = _bounds(data, offsets)
    hashes = _hashes(np.frombuffer(folded, np.uint8), starts, ends - starts)
    return Words(hashes, starts + begin, ends + begin, np.searchsorted(starts, offsets))


def _pieces(text: Texts) -> list[Texts]:
    """One text in pieces of about `BLOCK` bytes that end at a space or line end, as far as there are any."""
    begin, end = text.offsets.tolist()
    cuts = [begin]
    while end - cuts[-1] > BLOCK:
        near = text.data[cuts[-1] + BLOCK : cuts[-1] + 2 * BLOCK]
        found = np.flatnonzero((near == 0x20) | (near == 0x0A))
        if not len(found):
            break
        cuts.append(cuts[-1] + BLOCK + int(found[0]))
    return [Texts(text.data, np.array(pair)) for pair in pairwise([*cuts, end])]


def _bounds(data: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where words start and end in folded bytes."""
    padded = np.zeros(len(data) + 2, bool)
    inside = padded[1:-1]
    np.not_equal(data, _SEPARATOR, out=inside)
    cuts = offsets[1:-1]  # where a word begins even if another has just ended
    if len(data) and data.max() >= 0x80:
        cuts = np.sort(np.concatenate((cuts, _other_scripts(data, inside))))
    edges = np.flatnonzero(padded[1:] != padded[:-1])  # a start, an end, a start …
    cuts = cuts[(cuts > 0) & (cuts < len(data)) & (np.diff(cuts, prepend=0) > 0)]
    cuts = cuts[inside[cuts - 1] & inside[cuts]]
    if len(cuts):
        edges = np.insert(edges, np.repeat(np.searchsorted(edges, cuts), 2), np.repeat(cuts, 2))
    return _short(edges[0::2], edges[1::2])


def _other_scripts(data: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Mark separators outside ASCII, by the first bytes of their UTF-8; and where single-letter words begin and end."""
    places = np.flatnonzero(data >= 0xC2)
    lead, following = data[places], data[np.minimum(places + 1, len(data) - 1)]
    separators = (
        (lead == 0xE2)  # U+2000–2FFF: punctuation, arrows, symbols
        | ((lead == 0xE3) & (following == 0x80))  # U+3000–303F: punctuation
        | ((lead == 0xEF) & (following == 0xBC))  # U+FF00–FF3F: full-width forms
    )
    for place in range(3):
        inside[places[separators] + place] = False
    latin = places[lead == 0xC2]  # U+0080–00BF: no-break space, « »
    inside[latin] = False
    inside[latin + 1] = False
    three, four = places[(lead >= 0xE3) & (lead <= 0xE9)], places[lead >= 0xF0]
    return np.concatenate((three, three + 3, four, four + 4))


def _short(starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same words with those of more than `LONGEST` bytes cut into pieces."""
    pieces = (ends - starts + LONGEST - 1) // LONGEST
    if not len(pieces) or pieces.max() == 1:
        return starts, ends
    piece = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    cut = np.repeat(starts, pieces) + piece * LONGEST
    return cut, np.minimum(cut + LONGEST, np.repeat(ends, pieces))


def _hashes(padded: np.ndarray, starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Hashes of the bytes of words, eight at a time; `padded` has eight bytes after the last word."""
    eight = np.ndarray((len(padded) - 7,), "<u8", padded, strides=(1,))  # the eight bytes from each place on
    hashes = (eight[starts] & _KEEP[np.minimum(sizes, 8)]) * _FACTOR
    for done in range(8, LONGEST, 8):
        longer = np.flatnonzero(sizes > done)
        if not len(longer):
            break
        more = eight[starts[longer] + done] & _KEEP[np.minimum(sizes[longer] - done, 8)]
        hashes[longer] = (mixed(hashes[longer]) ^ more) * _FACTOR
    hashes ^= hashes >> np.uint64(32)
    return hashes
