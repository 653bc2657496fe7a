"""What kind of character each byte of UTF-8 text belongs to, as bits, for all of a text at once."""

import unicodedata
from functools import cache

import numpy as np

WORD = 1  #: a letter, digit, mark or underscore, or what joins letters (ZWNJ, ZWJ)
SPACE = 2  #: whitespace
LETTER = 4
PLAIN = 8  #: anything but punctuation and control characters, as Gopher's filter counts them in datatrove
TERMINAL = 16  #: ends a sentence in some script
BREAK = 32  #: ends a line for `str.splitlines`
WIDE = 64  #: ends a sentence without whitespace after it, in Chinese and Japanese
REST = 128  #: a byte of a character after its first


def _characters(ranges: str) -> frozenset[str]:
    """The characters of code points and ranges of them, in hexadecimal."""
    found = []
    for each in ranges.split():
        first, _, last = each.partition("-")
        found += map(chr, range(int(first, 16), int(last or first, 16) + 1))
    return frozenset(found)


#: Unicode's property Sentence_Terminal, with a few other full stops: `TERMINAL_PUNCTUATION` of datatrove 0.10.
TERMINALS = _characters(
    "21 2e 3f 589 61d-61f 6d4 700-702 7f9 837 839 83d-83e 964-965 104a-104b 1362 1367-1368 166e 1735-1736 17d4-17d6 "
    "17d9-17da 1803 1809 1944-1945 1aa8-1aab 1b5a-1b5b 1b5e-1b5f 1b7d-1b7e 1c3b-1c3c 1c7e-1c7f 203c-203d 2047-2049 "
    "2e2e 2e3c 2e53-2e54 3002 a4ff a60e-a60f a6f3 a6f7 a876-a877 a8ce-a8cf a92f a9c8-a9c9 aa5d-aa5f aaf0-aaf1 abeb "
    "fe52 fe56-fe57 ff01 ff0e ff1f ff61 10a56-10a57 10f55-10f59 10f86-10f89 11047-11048 110be-110c1 11141-11143 "
    "111c5-111c6 111cd 111de-111df 11238-11239 1123b-1123c 112a9 1144b-1144c 115c2-115c3 115c9-115d7 11641-11642 "
    "1173c-1173e 11944 11946 11a42-11a43 11a9b-11a9c 11c41-11c42 11ef7-11ef8 11f43-11f44 16a6e-16a6f 16af5 "
    "16b37-16b38 16b44 16e98 1bc9f 1da88"
)
#: The other characters that datatrove 0.10 takes for punctuation, control characters among them.
SYMBOLS = TERMINALS | _characters(
    "0-8 b-1f 22-2d 2f 3a-3e 40 5b-60 7b-9f ab b4 bb 2013-2014 2019 201c-201e 2026 2236 2501 25ba 3001 3008-300d "
    "3010-3011 ff05 ff08-ff09 ff0c ff11 ff1a-ff1b ff5e"
)
WIDES = frozenset("。！？．｡")
BREAKS = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
JOINERS = frozenset("\u200c\u200d")


def kind(character: str) -> int:
    """The bits of a character."""
    word = character.isalnum() or character == "_" or character in JOINERS or unicodedata.category(character)[0] == "M"
    return (
        WORD * word
        | SPACE * character.isspace()
        | LETTER * character.isalpha()
        | PLAIN * (character not in SYMBOLS and not character.isspace())
        | TERMINAL * (character in TERMINALS)
        | BREAK * (character in BREAKS)
        | WIDE * (character in WIDES)
    )


@cache
def _ascii() -> bytes:
    """A table for `bytes.translate`: the kinds of the 128 ASCII characters; 0 for bytes of others."""
    return bytes(kind(chr(byte)) for byte in range(128)) + bytes(128)


@cache
def _known() -> np.ndarray:
    """Kinds by code point, filled as characters are met, since a table of all takes a second to make."""
    return np.zeros(0x110000, np.uint8)


def kinds(data: np.ndarray) -> np.ndarray:
    """The kind of the character of every byte, (bytes,) uint8; `REST` marks bytes after a character's first."""
    found = np.frombuffer(bytearray(data.tobytes().translate(_ascii())), np.uint8)
    first = np.flatnonzero(data >= 0xC0)
    if len(first):
        point, size = _decode(data, first)
        known = _known()
        of_point = known[point]
        if not of_point.all():
            new = np.unique(point[of_point == 0])
            # A bit that no character has otherwise says that a character without any kind is known.
            known[new] = [kind(chr(each)) or REST for each in new.tolist()]
            of_point = known[point]
        of_point = of_point & ~np.uint8(REST)
        found[first] = of_point
        for place in range(1, 4):
            longer = size > place
            found[first[longer] + place] = of_point[longer] | REST
    return found


def _decode(data: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Code points and sizes in bytes of the characters that begin at `first`, none of them ASCII."""
    lead = data[first].astype(np.int64)
    size = 2 + (lead >= 0xE0) + (lead >= 0xF0)
    point = lead & (0x7F >> size)
    for place in range(1, 4):
        longer = size > place
        point[longer] = (point[longer] << 6) | (data[first[longer] + place] & 0x3F)
    return point, size
