"""The normal form of a text, equal for texts that differ in case, white space, punctuation or Unicode form only."""

import re
import sys
import unicodedata
from functools import cache

_PLAIN = bytes(
    byte + 32 if 65 <= byte <= 90 else byte if byte < 128 and chr(byte).isalnum() else 32 for byte in range(256)
)
_SPACES = re.compile(b"  +")
_NO_WORD = re.compile(r"[\W_]+")  # the same characters, and marks


def normal_form(text: bytes) -> bytes:
    """Words in lower case with one space between them, from UTF-8 to UTF-8.

    Characters are brought to NFKC (Unicode Annex 15) and folded (`str.casefold`), then those of the categories P, S, Z
    and C (punctuation, symbols, separators, control) separate words. A text without any word is its own normal form.
    """
    if text.isascii():
        return _SPACES.sub(b" ", text.translate(_PLAIN)).strip() or text
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text.decode()).casefold())
    marked = any(_is_mark(character) for character in set(folded))
    return (_separators() if marked else _NO_WORD).sub(" ", folded).strip().encode() or text


@cache
def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M"


@cache
def _separators() -> re.Pattern[str]:
    """Runs of characters that are no part of a word."""
    spans: list[list[int]] = []
    for point in range(sys.maxunicode + 1):
        if unicodedata.category(chr(point))[0] in "PSZC":
            if spans and spans[-1][1] == point - 1:
                spans[-1][1] = point
            else:
                spans.append([point, point])
    return re.compile("[" + "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in spans) + "]+")
