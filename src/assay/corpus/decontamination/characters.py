"""Text as it is compared: letters and digits alone, without case, accents, punctuation and differences of white space.

A character becomes bytes that say which letter it is: ASCII as it is, in lower case; any other two or three bytes
above 127. What parts words becomes 0; marks and invisible characters vanish.
"""

import unicodedata
from typing import NamedTuple

import numpy as np

_SEPARATOR, _GONE = 0, 1
#: Of a character that is a word by itself, in writing without spaces.
_ALONE = 1 << 24
_UNKNOWN = -1
#: Thai, Lao, Tibetan, Myanmar, Khmer; kana and ideographs.
_WITHOUT_SPACES = ((0x0E00, 0x1100), (0x1780, 0x1800), (0x2E80, 0xA000), (0xF900, 0xFB00), (0x20000, 0x32000))
_APOSTROPHE = 0x02BC  # a letter by its class, an apostrophe by its use


def _ascii() -> bytes:
    table = bytearray(256)
    for code in range(128):
        table[code] = ord(chr(code).lower()) if chr(code).isalnum() else _SEPARATOR
    table[128:] = bytes([_GONE]) * 128
    return bytes(table)


_ASCII = _ascii()
_TABLE = np.zeros(0, np.int32)  # by code point; filled as characters are met


class Folded(NamedTuple):
    """A block of text as it is compared.

    Attributes:
        letters: (L,) uint8; 0 parts words.
        places: (L,) int64, the byte of the block that each was; None: they are the same.
        cuts: places in `letters` before which a word begins although nothing parts it from the last.
    """

    letters: np.ndarray
    places: np.ndarray | None
    cuts: np.ndarray

    def place(self, at: np.ndarray) -> np.ndarray:
        """From places in `letters` to bytes of the block."""
        return at if self.places is None else self.places[at]


def fold(block: np.ndarray) -> Folded:
    """Fold valid UTF-8, (B,) uint8."""
    letters = np.frombuffer(block.tobytes().translate(_ASCII), np.uint8)
    lead = np.flatnonzero(block >= 0xC0)
    if not len(lead):
        return Folded(letters, None, lead)
    letters = letters.copy()
    codes = _look_up(_code_points(block, lead))
    alone = codes >= _ALONE
    codes &= _ALONE - 1
    letters[lead] = np.where(codes < 0x80, codes, 0x80 | (codes & 0x7F))
    wide, wider = codes >= 0x80, codes >= 0x4000
    letters[lead[wide] + 1] = 0x80 | ((codes[wide] >> 7) & 0x7F)
    letters[lead[wider] + 2] = 0x80 | (codes[wider] >> 14)
    places = np.flatnonzero(letters != _GONE)
    starts = np.searchsorted(places, lead[alone])
    ends = starts + 2 + wider[alone]
    return Folded(letters[places], places, np.union1d(starts, ends))


def _code_points(block: np.ndarray, lead: np.ndarray) -> np.ndarray:
    """Code points of the characters that begin at the bytes `lead`."""
    first = block[lead].astype(np.int32)
    following = [block[np.minimum(lead + i, len(block) - 1)].astype(np.int32) & 0x3F for i in (1, 2, 3)]
    codes = ((first & 0x1F) << 6) | following[0]
    three, four = first >= 0xE0, first >= 0xF0
    codes[three] = ((first[three] & 0xF) << 12) | (following[0][three] << 6) | following[1][three]
    high = (first[four] & 0x7) << 18 | following[0][four] << 12
    codes[four] = high | following[1][four] << 6 | following[2][four]
    return codes


def _look_up(codes: np.ndarray) -> np.ndarray:
    global _TABLE
    if not len(_TABLE):
        _TABLE = np.full(0x110000, _UNKNOWN, np.int32)
    found = _TABLE[codes]
    if (found == _UNKNOWN).any():
        for code in np.unique(codes[found == _UNKNOWN]).tolist():
            _TABLE[code] = _folded(code)
        found = _TABLE[codes]
    return found


def _folded(code: int) -> int:
    """What a character beyond ASCII becomes: the code of a letter, `_SEPARATOR` or `_GONE`."""
    character = chr(code)
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return _GONE
    base = unicodedata.normalize("NFKD", character)[0].casefold()[0]
    if not base.isalnum() or code == _APOSTROPHE:
        return _SEPARATOR
    if any(low <= code < high for low, high in _WITHOUT_SPACES):
        return ord(base) | _ALONE if ord(base) >= 0x80 else ord(base)
    return ord(base)
