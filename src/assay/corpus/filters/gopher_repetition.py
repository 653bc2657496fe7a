"""Gopher's repetition filter: documents that repeat lines, paragraphs or n-grams."""

from typing import ClassVar

import numpy as np

from assay.corpus.filters.filter import Measuring, Rule
from assay.corpus.filters.ngrams import repeated_characters, repeats, top_characters
from assay.corpus.filters.parsed import Parsed, Spans
from assay.spec.base import Frozen

_BASE = np.uint64(0xD6E8FEB86659FD93)


class GopherRepetition(Measuring, Frozen):
    """Shares of a document that repeat what it has said before.

    Source: Rae et al. 2021, "Scaling Language Models: Methods, Analysis & Insights from Training Gopher", appendix
    A.1.1 and table A1, in the reading of datatrove 0.10: shares of characters are of all characters of the text;
    n-grams are joined by single spaces (top) or none (repeated) to count theirs; lines are parted by runs of newlines,
    paragraphs by two newlines or more.
    """

    name: ClassVar[str] = "gopher_repetition"
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("duplicate_paragraphs", "duplicate_paragraphs", "most", 0.30),
        Rule("duplicate_paragraph_characters", "duplicate_paragraph_characters", "most", 0.20),
        Rule("duplicate_lines", "duplicate_lines", "most", 0.30),
        Rule("duplicate_line_characters", "duplicate_line_characters", "most", 0.20),
        *(Rule(f"top_{n}_gram", f"top_{n}_gram", "most", most) for n, most in ((2, 0.20), (3, 0.18), (4, 0.16))),
        *(
            Rule(f"duplicate_{n}_grams", f"duplicate_{n}_grams", "most", round(0.20 - n / 100, 2))
            for n in range(5, 11)
        ),
    )  # fmt: skip

    def measure(self, parsed: Parsed) -> dict[str, np.ndarray]:
        characters = np.maximum(parsed.characters, 1)
        found: dict[str, np.ndarray] = {}
        found["duplicate_paragraphs"], count = _paragraphs(parsed)
        found["duplicate_paragraph_characters"] = count / characters
        found["duplicate_lines"], count = _lines(parsed)
        found["duplicate_line_characters"] = count / characters
        for each in repeats(parsed, 10):
            if each.size < 5:
                found[f"top_{each.size}_gram"] = top_characters(parsed, each) / characters
            else:
                found[f"duplicate_{each.size}_grams"] = repeated_characters(parsed, each) / characters
        return found


def seen_before(hashes: np.ndarray, document: np.ndarray) -> np.ndarray:
    """(S,) bool: an equal hash came before in the same document. `document` ascends."""
    order = np.lexsort((hashes, document))
    seen = np.zeros(len(hashes), bool)
    same = (hashes[order][1:] == hashes[order][:-1]) & (document[order][1:] == document[order][:-1])
    seen[order[1:]] = same
    return seen


def _lines(parsed: Parsed) -> tuple[np.ndarray, np.ndarray]:
    """(N,) shares of lines, and characters of lines, that came before in their document."""
    lines = parsed.lines
    length = parsed.length(lines.start, lines.end)
    some = length > 0
    seen = np.zeros(len(lines), bool)
    seen[some] = seen_before(parsed.line_hashes[some], lines.document[some])
    # An empty line at the beginning counts, one at the end as well, and is then its duplicate.
    begins, ends = ~some[lines.first[:-1]], ~some[lines.first[1:] - 1]
    several = lines.counts > 1
    count = lines.sums(some) + np.where(several, begins.astype(int) + ends, 1 - lines.sums(some))
    return (lines.sums(seen) + (several & begins & ends)) / count, lines.sums(length * seen)


def _paragraphs(parsed: Parsed) -> tuple[np.ndarray, np.ndarray]:
    """(N,) shares of paragraphs, and characters of paragraphs, that came before in their document."""
    lines, words = parsed.lines, parsed.words
    first, after = parsed.words_of(lines)
    start, end, hashes = lines.start.copy(), lines.end.copy(), parsed.line_hashes.copy()
    # The text is stripped: its first line with words, and its last, lose whitespace.
    holds = np.flatnonzero(first < after)
    document = lines.document
    turn = np.flatnonzero(document[holds][1:] != document[holds][:-1]) + 1
    for edge, number, place, target in (
        (holds[np.concatenate(([0], turn))[: len(holds)]], first, words.start, start),
        (holds[np.concatenate((turn, [len(holds)])) - 1] if len(holds) else holds, after - 1, words.end, end),
    ):
        target[edge] = place[number[edge]]
    top, bottom = np.full(len(parsed), len(lines)), np.full(len(parsed), -1)
    np.minimum.at(top, document[holds], holds)
    np.maximum.at(bottom, document[holds], holds)
    number = np.arange(len(lines))
    inside = (number >= top[document]) & (number <= bottom[document])
    for each in np.flatnonzero(inside & ((start > lines.start) | (end < lines.end))).tolist():
        hashes[each] = hash(parsed.raw[start[each] : end[each]])
    filled = inside & (end > start)
    begins = filled.copy()
    begins[1:] &= ~(filled[:-1] & (document[1:] == document[:-1]))
    stops = filled.copy()
    stops[:-1] &= ~(filled[1:] & (document[1:] == document[:-1]))
    opening, closing = np.flatnonzero(begins), np.flatnonzero(stops)
    paragraphs = Spans(start[opening], end[closing], np.searchsorted(opening, lines.first))
    seen = seen_before(_joined(hashes, opening, closing + 1), paragraphs.document)
    length = parsed.length(paragraphs.start, paragraphs.end)
    count = np.maximum(paragraphs.counts, 1)
    return paragraphs.sums(seen) / count, paragraphs.sums(length * seen)


def _joined(hashes: np.ndarray, first: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Hashes of runs of lines, from the hashes of the lines: a polynomial, so that the place of a run is no matter."""
    power = np.full(len(hashes) + 1, _BASE, np.uint64)
    power[0] = 1
    power = np.cumprod(power)
    inverse = np.full(len(hashes) + 1, pow(int(_BASE), -1, 1 << 64), np.uint64)
    inverse[0] = 1
    inverse = np.cumprod(inverse)
    sums = np.concatenate((np.zeros(1, np.uint64), np.cumsum(hashes.view(np.uint64) * power[:-1])))
    return (sums[after] - sums[first]) * inverse[first]
