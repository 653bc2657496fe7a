"""Text cut into words as GPT-2 cuts it, many documents at a time: what a byte-level BPE merges within.

The pattern is `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+` (Radford et al.
2019, GPT-2's published code), which is `ByteLevel` in the `tokenizers` library. It depends on nothing but the classes
of neighbouring characters, so runs of one class and a few exceptions at their borders give the same words, in a few
passes over an array instead of a regular expression's steps over every character.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from tokenizers import Regex, pre_tokenizers

#: Not part of any UTF-8 text; stands between documents, and is a word of its own.
SEPARATOR = b"\xff"

CHUNK_BYTES = 2 << 20

_OTHER, _LETTER, _NUMBER, _SPACE, _SEPARATOR = range(5)
_UNKNOWN = 255
_BLOCK = 4096
_PATTERNS = ((r"\p{L}", _LETTER), (r"\p{N}", _NUMBER), (r"\s", _SPACE))


class Classes:
    """The class of each character, as the `tokenizers` library itself sees it: asked for once, a block at a time.

    Libraries differ in the version of Unicode that they know, so with another table a few words would be others.
    """

    def __init__(self) -> None:
        self._of_point = np.full(0x110000, _UNKNOWN, np.uint8)
        self.of_byte = np.full(256, _OTHER, np.uint8)
        self.of_byte[:128] = self(np.arange(128))
        self.of_byte[SEPARATOR[0]] = _SEPARATOR

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Classes of code points."""
        found = self._of_point[points]
        if (found == _UNKNOWN).any():
            for block in np.unique(points[found == _UNKNOWN] // _BLOCK).tolist():
                self._ask(block * _BLOCK)
            found = self._of_point[points]
        return found

    def _ask(self, first: int) -> None:
        points = np.arange(first, first + _BLOCK)
        points = points[(points < 0xD800) | (points > 0xDFFF)]
        text = "".join(map(chr, points.tolist()))
        self._of_point[points] = _OTHER
        for pattern, kind in _PATTERNS:
            matched = np.ones(len(points), bool)
            for _, (start, end) in pre_tokenizers.Split(Regex(pattern), "removed").pre_tokenize_str(text):
                matched[start:end] = False
            self._of_point[points[matched]] = kind


_classes: list[Classes] = []


def _shared_classes() -> Classes:
    if not _classes:
        _classes.append(Classes())
    return _classes[0]


def chunks(documents: Iterable[bytes], size: int = CHUNK_BYTES) -> Iterator[bytes]:
    """Documents in UTF-8 end to end, a separator after each, in pieces of about `size` bytes that end anywhere."""
    waiting: list[bytes] = []
    length = 0
    for document in documents:
        for start in range(0, len(document), size):
            waiting.append(document[start : start + size])
            length += len(waiting[-1])
            if length >= size:
                yield b"".join(waiting)
                waiting, length = [], 0
        waiting.append(SEPARATOR)
        length += 1
    if waiting:
        yield b"".join(waiting)


def stream_words(documents: Iterable[bytes], size: int = CHUNK_BYTES) -> Iterator[pa.Array]:
    """The words of documents in UTF-8, a separator after those of each, some thousands at a time.

    What a word is depends on nothing before it and at most on three characters behind it, so the last two words of a
    piece wait for the next one: memory does not grow with the length of a document.
    """
    rest = b""
    for chunk in chunks(documents, size):
        text = rest + chunk
        end = _whole_characters(text)
        words = split(text[:end])
        kept = max(0, len(words) - 2)
        rest = b"".join((*words[kept:].to_pylist(), text[end:]))
        if kept:
            yield words[:kept]
    if rest:
        yield split(rest)


def _whole_characters(text: bytes) -> int:
    """Where the last character begins if its bytes are not all there, else the end."""
    for back in range(1, min(4, len(text)) + 1):
        byte = text[-back]
        if byte & 0xC0 != 0x80:
            size = 1 if byte < 0xC2 or byte == SEPARATOR[0] else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(text) - back if size > back else len(text)
    return len(text)


def split(text: bytes) -> pa.Array:
    """The words of documents with a separator after each, which is a word of its own.

    Args:
        text: UTF-8, less than 2 GiB.

    Returns:
        A binary array; its words put together are the text.
    """
    if not text:
        return pa.array([], pa.binary())
    starts = np.flatnonzero(_begins(np.frombuffer(text, np.uint8)))
    offsets = np.append(starts, len(text)).astype(np.int32)
    return pa.Array.from_buffers(pa.binary(), len(starts), [None, pa.py_buffer(offsets), pa.py_buffer(text)])


def _begins(text: np.ndarray) -> np.ndarray:
    """Whether a word begins at each byte."""
    kinds = _kinds(text)
    begins = np.empty(len(text), bool)
    begins[0] = True
    np.not_equal(kinds[1:], kinds[:-1], out=begins[1:])
    begins |= kinds == _SEPARATOR
    # The last character of white space before a word: a blank belongs to the word, anything else is a word of its own.
    after = np.flatnonzero(begins[1:] & (kinds[:-1] == _SPACE)) + 1
    after = after[kinds[after] != _SEPARATOR]
    last = after - 1
    blank = text[last] == ord(" ")
    begins[after[blank]] = False
    begins[last[blank]] = True
    begins[_character(text, last[~blank])] = True
    _contractions(text, begins)
    return begins


def _character(text: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """First bytes of the characters that have a byte at these places."""
    while (within := (text[inside] & 0xC0) == 0x80).any():
        inside = inside - within
    return inside


def _kinds(text: np.ndarray) -> np.ndarray:
    """The class of the character that each byte belongs to."""
    classes = _shared_classes()
    kinds = classes.of_byte[text]
    first = np.flatnonzero((text >= 0xC2) & (text != SEPARATOR[0]))
    if not len(first):
        return kinds
    lead = text[first]
    for size, low, high, bits in ((2, 0xC2, 0xE0, 0x1F), (3, 0xE0, 0xF0, 0x0F), (4, 0xF0, 0xF8, 0x07)):
        places = first[(lead >= low) & (lead < high)]
        points = text[places].astype(np.int32) & bits
        for offset in range(1, size):
            points = points << 6 | (text[places + offset] & 0x3F)
        of_points = classes(points)
        for offset in range(size):
            kinds[places + offset] = of_points
    return kinds


def _contractions(text: np.ndarray, begins: np.ndarray) -> None:
    """Keep 's, 't, 'm, 'd, 're, 've and 'll together where a word begins with them, and begin another after them."""
    quotes = np.flatnonzero(text[:-1] == ord("'"))
    quotes = quotes[begins[quotes]]
    second = text[quotes + 1]
    third = text[np.minimum(quotes + 2, len(text) - 1)]
    short = np.isin(second, np.frombuffer(b"stmd", np.uint8))
    pairs = np.zeros(len(quotes), bool)
    for pair in (b"re", b"ve", b"ll"):
        pairs |= (second == pair[0]) & (third == pair[1])
    pairs &= quotes + 2 < len(text)
    for chosen, size in ((short, 2), (pairs, 3)):
        begins[quotes[chosen] + 1] = False
        after = quotes[chosen] + size
        begins[after[after < len(text)]] = True
