"""Listed words: documents with too many words of a list that the user gives, such as one of toxic words."""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from assay.corpus.filters.filter import Measuring, Rule
from assay.corpus.filters.hashes import mix, word_hashes
from assay.corpus.filters.parsed import Parsed
from assay.corpus.texts import Texts
from assay.spec.base import Frozen
from assay.spec.errors import UserError

ANY = "any"
_BASE = np.uint64(0xD6E8FEB86659FD93)


class ListedWords(Measuring, Frozen):
    """The share of a document's words that are on a list, upper and lower case alike.

    No list comes with assay. A file holds a word or phrase a line; `lists` names one for a language, or one for `any`.
    With lists by language, a document is judged by the one of its language, and by none if there is none.
    """

    lists: dict[str, str] = Field(default={}, description="path of a list of words by ISO 639 code, or for `any`")
    most: float = Field(default=0.01, ge=0, le=1, description="largest share of a document's words")

    name: ClassVar[str] = "listed_words"

    @property
    def rules(self) -> tuple[Rule, ...]:
        return (Rule("listed_words", "listed_words", "most", self.most, learned=False),)

    def measure(self, parsed: Parsed) -> dict[str, np.ndarray]:
        lowered = Parsed(Texts.of([text.lower() for text in parsed.texts]))
        hits = np.zeros(len(parsed), np.int64)
        languages = None
        for code, (_, phrases) in self._lists.items():
            found = lowered.words.sums(_within(lowered, phrases))
            if code != ANY:
                if languages is None:
                    from assay.corpus.languages import detect

                    languages = detect(parsed.texts).codes
                found = np.where(languages == code, found, 0)
            hits += found
        return {"listed_words": hits / np.maximum(lowered.words.counts, 1)}

    @property
    def contents(self) -> str:
        """Hash of the lists."""
        return hashlib.sha256(
            "".join(f"{code} {each}\n" for code, (each, _) in self._lists.items()).encode()
        ).hexdigest()

    @cached_property
    def _lists(self) -> dict[str, tuple[str, dict[int, np.ndarray]]]:
        """By language: hash of the file, and hashes of its phrases by their number of words."""
        if not self.lists:
            raise UserError(
                "filter 'listed_words' needs a list of words, and none comes with assay: "
                '--option \'listed_words.lists={"any": "words.txt"}\''
            )
        return {code: _read(Path(path)) for code, path in sorted(self.lists.items())}


def _read(path: Path) -> tuple[str, dict[int, np.ndarray]]:
    try:
        content = path.read_bytes()
        lines = [line.strip().lower() for line in content.decode("utf-8-sig").splitlines()]
    except OSError as error:
        raise UserError(f"{path}: the list of words cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text (byte {error.start}); a list has a word or phrase a line") from None
    parsed = Parsed(Texts.of([line for line in lines if line]))
    if not len(parsed.words):
        raise UserError(f"{path}: no words in it; a list has a word or phrase a line")
    counts = parsed.words.counts
    phrases = {}
    for size in np.unique(counts[counts > 0]).tolist():
        phrases[size] = np.unique(_phrases(parsed, size)[parsed.words.first[:-1][counts == size]])
    return hashlib.sha256(content).hexdigest(), phrases


def _phrases(parsed: Parsed, size: int) -> np.ndarray:
    """(words,) hashes of the `size` words that begin with each; those that reach beyond the words are meaningless."""
    words = word_hashes(parsed.raw, parsed.words.start, parsed.words.end)
    found = words.copy()
    for step in range(1, size):
        found *= _BASE
        found[:-step] += words[step:]
    return mix(found)


def _within(parsed: Parsed, phrases: dict[int, np.ndarray]) -> np.ndarray:
    """(words,) bool: which words belong to a listed phrase."""
    inside = np.zeros(len(parsed.words), bool)
    document = parsed.words.document
    for size, listed in phrases.items():
        if size > len(inside):
            continue
        starts = np.flatnonzero(np.isin(_phrases(parsed, size), listed))
        starts = starts[starts + size <= len(inside)]
        starts = starts[document[starts] == document[starts + size - 1]]
        for step in range(size):
            inside[starts + step] = True
    return inside
