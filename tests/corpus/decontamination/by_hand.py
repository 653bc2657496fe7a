"""Contamination found the slow way: plain Python over strings, one document after the other."""

import unicodedata
from collections.abc import Sequence

NGRAM, LEAST = 13, 4
#: Writing without spaces, by the beginnings of its characters' names.
_ALONE = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")


def words(text: str) -> list[str]:
    """Letters and digits, without case and accents; everything else parts words, marks and invisible signs vanish."""
    spaced = ""
    for character in text:
        if unicodedata.category(character) in ("Mn", "Me", "Cf"):
            continue
        base = unicodedata.normalize("NFKD", character)[0].casefold()[0]
        if not base.isalnum() or character == "ʼ":
            spaced += " "
        elif ord(base) > 127 and unicodedata.name(character, "").startswith(_ALONE):
            spaced += f" {base} "
        else:
            spaced += base
    return spaced.split()


def grams(text: str, n: int = NGRAM) -> set[tuple[str, ...]]:
    """What a text of an evaluation is looked for by."""
    found = words(text)
    if len(found) < n:
        return {tuple(found)} if len(found) >= LEAST else set()
    return {tuple(found[i : i + n]) for i in range(len(found) - n + 1)}


def contaminated(documents: Sequence[str], items: Sequence[str], common: int, n: int = NGRAM) -> set[int]:
    """Documents with an n-gram of an item that no more than `common` documents have."""
    wanted = set().union(*(grams(item, n) for item in items))
    sizes = {len(gram) for gram in wanted}
    held: list[set[tuple[str, ...]]] = []
    for document in documents:
        found = words(document)
        held.append({tuple(found[i : i + k]) for k in sizes for i in range(len(found) - k + 1)} & wanted)
    return {
        number
        for number, mine in enumerate(held)
        if any(sum(gram in other for other in held) <= common for gram in mine)
    }
