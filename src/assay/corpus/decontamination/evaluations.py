"""What training text is compared with: evaluations, as the texts of their items."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

#: Apostrophes and hyphens, which some write and others leave out.
_JOINTS = "'’‘`-‐‑"
#: The joint itself comes first, so that the search can leap from one to the next.
_INSIDE_WORDS = re.compile(rf"[{re.escape(_JOINTS)}](?<=\w.)(?=\w)")
#: Between the texts of an item; no letter, and not in text.
_BETWEEN = "\x00"

HELDOUT = "held-out"
SEALED = "sealed"


@dataclass(frozen=True)
class Evaluation:
    """An evaluation by name.

    Attributes:
        name: the rule that removes documents is called so.
        labels: of its items, for people: `line 12`.
        texts: of each item, any of which a training text should not hold.
    """

    name: str
    labels: Sequence[str]
    texts: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Pieces:
    """The texts of all items of some evaluations, one after the other.

    Attributes:
        texts: P of them; one with apostrophes or hyphens inside words comes a second time without these.
        items: the item of each, counted over all evaluations.
    """

    texts: list[str]
    items: list[int]


def pieces_of(evaluations: Sequence[Evaluation], n: int) -> Pieces:
    """All texts of some evaluations, for an index of n-grams.

    Where texts of an item begin with its first one, as answers with their question, only its last words come again: so
    many that no n-gram is missing.
    """
    texts: list[str] = []
    items: list[int] = []
    number = 0
    for evaluation in evaluations:
        for item in evaluation.texts:
            for forms in _spellings(item):
                question = forms[0]
                again = question.rsplit(None, 2 * n)  # some of what stands between spaces may be no word
                skipped = len(again[0]) if len(again) > 2 * n else 0
                texts.append(question)
                texts += [text[skipped:] if text.startswith(question) else text for text in forms[1:]]
                items += [number] * len(forms)
            number += 1
    return Pieces(texts, items)


def _spellings(item: Sequence[str]) -> list[Sequence[str]]:
    """The texts of an item, and if any has apostrophes or hyphens inside words, all of them without these."""
    whole = _BETWEEN.join(item)
    bare = _INSIDE_WORDS.sub("", whole)
    return [item] if bare == whole else [item, bare.split(_BETWEEN)]


def document_key(domain: str, identifier: str) -> int:
    """A document's name as a number."""
    return key_of(f"{domain}\0{identifier}")


def key_of(text: str) -> int:
    """The first 64 bits of a text's BLAKE2b hash."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
