"""A chunk of texts taken apart into words and lines, each part made when a filter first asks for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from assay.corpus.filters import characters
from assay.corpus.filters.characters import BREAK, REST, SPACE, WORD
from assay.corpus.filters.hashes import word_hashes
from assay.corpus.texts import Texts

#: Bytes of a chunk: what fits into a processor's cache beside a few arrays over its words.
CHUNK = 1 << 20
#: A longer document is judged by its first bytes, so that no document takes more than some 500 MB of memory.
LONGEST = 4 << 20

NEWLINE = 10


@dataclass(frozen=True)
class Spans:
    """S consecutive stretches of the texts of N documents, in order.

    Attributes:
        start: (S,) place of the first byte in the chunk.
        end: (S,) place after the last byte.
        first: (N + 1,) number of each document's first span, and S.
    """

    start: np.ndarray
    end: np.ndarray
    first: np.ndarray

    def __len__(self) -> int:
        return len(self.start)

    @property
    def counts(self) -> np.ndarray:
        """(N,) spans of each document."""
        return np.diff(self.first)

    @cached_property
    def document(self) -> np.ndarray:
        """(S,) number of the document of each span."""
        return np.repeat(np.arange(len(self.first) - 1), self.counts)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """(N,) sums by document of a number for each span, or of how many are true."""
        if values.dtype == bool:
            return np.diff(np.searchsorted(np.flatnonzero(values), self.first))
        totals = np.concatenate(([0], np.cumsum(values)))
        return totals[self.first[1:]] - totals[self.first[:-1]]


class Parsed:
    """N texts taken apart.

    A *word* is a run of letters, digits, marks and underscores, or any other single character that is no whitespace:
    the matches of `\\w+|[^\\w\\s]`, with `\\w` counting marks and joiners too, which many scripts write words with.
    """

    def __init__(self, texts: Texts) -> None:
        base = int(texts.offsets[0])
        self.offsets = texts.offsets - base
        self.data = texts.data[base : int(texts.offsets[-1])]
        self.texts = Texts(self.data, self.offsets)

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def raw(self) -> bytes:
        """All texts, one after the other."""
        return self.data.tobytes()

    @cached_property
    def lower(self) -> bytes:
        """All texts with ASCII letters in lower case."""
        return self.raw.lower()

    @cached_property
    def kinds(self) -> np.ndarray:
        """(bytes,) uint8, bits of `characters`."""
        return characters.kinds(self.data)

    @cached_property
    def _rests(self) -> np.ndarray:
        """Places of bytes that are not a character's first."""
        if not len(self.data) or self.data.max() < 128:
            return np.zeros(0, np.int64)
        return np.flatnonzero(self.kinds >= REST)

    def length(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Characters between places, both ascending."""
        rests = self._rests
        return end - start - (np.searchsorted(rests, end) - np.searchsorted(rests, start))

    @cached_property
    def characters(self) -> np.ndarray:
        """(N,) characters of each text."""
        return self.length(self.offsets[:-1], self.offsets[1:])

    def count(self, places: np.ndarray) -> np.ndarray:
        """(N,) how many of some places, in ascending order, lie in each document."""
        return np.diff(np.searchsorted(places, self.offsets))

    def find(self, text: bytes, needle: bytes) -> np.ndarray:
        """Places of all occurrences of `needle` in `text` (`raw` or `lower`) that lie within one document."""
        found = []
        place = text.find(needle)
        while place >= 0:
            found.append(place)
            place = text.find(needle, place + len(needle))
        places = np.array(found, np.int64)
        border = self.offsets[np.searchsorted(self.offsets, places, "right")] if found else places
        return places[places + len(needle) <= border]

    @cached_property
    def words(self) -> Spans:
        """Its words."""
        kinds = self.kinds
        size = len(kinds)
        letter = (kinds & WORD).view(bool)
        no_space = (kinds & SPACE) == 0
        # A place where a word begins: a letter after something else, or the first byte of another character.
        begins = np.empty(size + 1, bool)
        begins[size] = True
        begins[1:size] = letter[1:] & ~letter[:-1]
        borders = self.offsets[:-1][self.texts.sizes > 0]
        begins[borders] = letter[borders]
        begins[:size] |= no_space & ~letter & ((kinds & REST) == 0)
        # The last byte of a word: one before such a place, or before whitespace, or the last of a document.
        ends = np.empty(size, bool)
        ends[: size - 1] = no_space[: size - 1] & (begins[1:size] | ~no_space[1:])
        # A letter that is followed by another character ends a word, too; that character begins one.
        last = self.offsets[1:][self.texts.sizes > 0] - 1
        ends[last] = no_space[last]
        start = np.flatnonzero(begins[:size])
        return Spans(start, np.flatnonzero(ends) + 1, np.searchsorted(start, self.offsets))

    @cached_property
    def word_lengths(self) -> np.ndarray:
        """(words,) characters of each word."""
        lengths = self.words.end - self.words.start
        if len(self._rests):  # each belongs to the last word that begins before it, or to whitespace after that
            words = np.searchsorted(self.words.start, self._rests, "right") - 1
            within = self._rests < np.append(self.words.end, 0)[words]  # none for one before the first word
            lengths -= np.bincount(words[within], minlength=len(lengths))
        return lengths

    @cached_property
    def word_places(self) -> np.ndarray:
        """(words + 1,) characters in all words before each."""
        return np.concatenate(([0], np.cumsum(self.word_lengths)))

    @cached_property
    def word_hashes(self) -> np.ndarray:
        """(words,) uint64, equal for equal words."""
        return word_hashes(self.raw, self.words.start, self.words.end)

    @cached_property
    def glued(self) -> np.ndarray:
        """(words,) bool: no whitespace before a word, and it is not its document's first."""
        words = self.words
        glued = np.zeros(len(words), bool)
        glued[1:] = words.start[1:] == words.end[:-1]
        glued[words.first[:-1][words.counts > 0]] = False
        return glued

    @cached_property
    def lines(self) -> Spans:
        """What `text.split("\\n")` gives: one line more than there are newlines."""
        breaks = np.flatnonzero(self.data == NEWLINE)
        return self._split(breaks, breaks + 1)

    @cached_property
    def screen_lines(self) -> Spans:
        """What `text.splitlines()` gives: all line breaks of Unicode count, and a last empty line does not."""
        breaks = np.flatnonzero((self.kinds & (BREAK | REST)) == BREAK)
        after = breaks + 1 + (self.data[breaks] >= 0xC2) + (self.data[breaks] >= 0xE0)
        pair = (
            (self.data[breaks[:-1]] == 13) & (self.data[breaks[1:]] == NEWLINE) & (np.diff(breaks) == 1)
            & (self.document_of(breaks[:-1]) == self.document_of(breaks[1:]))
        )  # fmt: skip
        lines = self._split(np.delete(breaks, np.flatnonzero(pair) + 1), np.delete(after, np.flatnonzero(pair)))
        last = lines.first[1:] - 1
        kept = np.ones(len(lines), bool)
        kept[last[lines.start[last] == lines.end[last]]] = False
        first = np.concatenate(([0], np.cumsum(kept)))[lines.first]
        return Spans(lines.start[kept], lines.end[kept], first)

    def _split(self, breaks: np.ndarray, after: np.ndarray) -> Spans:
        """The spans between breaks, which begin at `breaks` and end before `after`, and the borders of documents."""
        start = np.sort(np.concatenate((self.offsets[:-1], after)), kind="stable")
        end = np.sort(np.concatenate((breaks, self.offsets[1:])), kind="stable")
        return Spans(start, end, np.searchsorted(breaks, self.offsets) + np.arange(len(self) + 1))

    def document_of(self, places: np.ndarray) -> np.ndarray:
        """The number of the document that each place lies in."""
        return np.searchsorted(self.offsets, places, "right") - 1

    @cached_property
    def line_hashes(self) -> np.ndarray:
        """(lines,) int64, equal for equal lines of `lines`."""
        raw, bounds = self.raw, self.offsets.tolist()
        found: list[int] = []
        for start, end in pairwise(bounds):
            found += map(hash, raw[start:end].split(b"\n"))
        return np.array(found, np.int64)

    def words_of(self, spans: Spans) -> tuple[np.ndarray, np.ndarray]:
        """(S,) numbers of the first word of each span, and of the first after it. Spans may not cut words."""
        return np.searchsorted(self.words.start, spans.start), np.searchsorted(self.words.start, spans.end)


def chunks(texts: Texts, longest: int | None = LONGEST) -> Iterator[tuple[int, Parsed]]:
    """Consecutive documents of about `CHUNK` bytes together, with the number of the first of them.

    Args:
        longest: bytes after which a document is cut; None: never.
    """
    first, count = 0, len(texts)
    while first < count:
        after = int(np.searchsorted(texts.offsets, texts.offsets[first] + CHUNK, "right"))
        after = min(max(after - 1, first + 1), count)
        part = Texts(texts.data, texts.offsets[first : after + 1])
        if longest is not None and after == first + 1 and part.sizes[0] > longest:
            start = int(part.offsets[0])
            end = start + longest
            while part.data[end] & 0xC0 == 0x80:  # within a character
                end -= 1
            part = Texts(part.data, np.array([start, end]))
        yield first, Parsed(part)
        first = after
