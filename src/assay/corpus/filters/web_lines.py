"""Lines of a web page that are not its text: menus, buttons, counters, notices about cookies and copyright."""

import re
from typing import ClassVar

import numpy as np

from assay.corpus.filters.characters import LETTER, REST
from assay.corpus.filters.filter import Edit, Edited, Editing
from assay.corpus.filters.kept_lines import keep_lines, line_sizes
from assay.corpus.filters.parsed import Parsed, Spans
from assay.spec.base import Frozen

COUNTER = re.compile(
    rb"\d[\d.,]*\s*[km]?\+?\s*(likes?|shares?|comments?|views?|replies|votes?|followers?|retweets?|downloads?|points?)\W*"
)
NAVIGATION = re.compile(
    rb"(sign|log)[ -]?(in|up|out)\b|register\b|subscribe\b|follow us|share (this|on)\b|skip to|back to (the )?top"
    rb"|click here|add to (cart|wish ?list)|posted (by|on|in)\b|filed under|tags?:|categor(y|ies):|home [>|/]"
    rb"|leave a (comment|reply)|(next|previous) (page|post|article)\b|advertisements?\b|related (posts?|articles?)\b"
    rb"|.*(\b(read|see|show|load|learn|view) (more|all)|continue reading)\W*$"
    rb"|.*\b(items?|products?) in (your )?(cart|basket)\b"
)
NOTICE = re.compile(
    rb".*(\ball rights reserved|\bcopyright (\(c\)|\xc2\xa9)|\xc2\xa9 ?\d{4}|\bpowered by\b|\baccept (all )?cookies"
    rb"|\bcookies? (policy|settings|preferences)|\bterms (of (use|service)|and conditions)|\bprivacy policy"
    rb"|\benable javascript)"
)


class WebLines(Editing, Frozen):
    """Takes away short lines with the words of buttons, menus and notices, counters, numbers, headings in capitals.

    Source: Penedo et al. 2023, "The RefinedWeb Dataset for Falcon LLM", appendix G.2, line-wise corrections. The paper
    gives examples of its patterns; these are our own, for English.
    """

    short: int = 10
    """Most words of a line that patterns are held against."""
    capitals: float = 0.5
    """A line is in capitals if more than this share of its letters are."""

    name: ClassVar[str] = "web_lines"
    edits: ClassVar[tuple[Edit, ...]] = (
        Edit("navigation"),
        Edit("notice"),
        Edit("counter"),
        Edit("capitals"),
        Edit("number"),
        Edit("one_word"),
    )

    def edit(self, parsed: Parsed, on: np.ndarray) -> Edited:
        lines = parsed.screen_lines
        return keep_lines(parsed, lines, self._faults(parsed, lines) & on[lines.document])

    def losses(self, parsed: Parsed) -> np.ndarray:
        lines = parsed.screen_lines
        sizes = line_sizes(parsed, lines)
        return np.stack([lines.sums(sizes * fault) for fault in self._faults(parsed, lines).T], axis=1)

    def _faults(self, parsed: Parsed, lines: Spans) -> np.ndarray:
        """(lines, edits) bool: the edit would take the line."""
        words = parsed.words
        first, after = parsed.words_of(lines)
        begin = np.flatnonzero(~parsed.glued)
        count = np.searchsorted(begin, after) - np.searchsorted(begin, first)
        letters = _count(np.flatnonzero((parsed.kinds & (LETTER | REST)) == LETTER), lines)
        capitals = _count(np.flatnonzero((parsed.data >= ord("A")) & (parsed.data <= ord("Z"))), lines)
        digits = _count(np.flatnonzero((parsed.data >= ord("0")) & (parsed.data <= ord("9"))), lines)
        faults = np.zeros((len(lines), len(self.edits)), bool)
        for line in np.flatnonzero((count > 0) & (count <= self.short)).tolist():
            text = parsed.lower[words.start[first[line]] : words.end[after[line] - 1]]
            faults[line, 0] = NAVIGATION.match(text) is not None
            faults[line, 1] = NOTICE.match(text) is not None
            faults[line, 2] = COUNTER.fullmatch(text) is not None
        faults[:, 3] = (letters > 1) & (capitals > self.capitals * letters)
        faults[:, 4] = (letters == 0) & (digits > 0)
        faults[:, 5] = (after - first == 1) & (letters > 0)
        return faults


def _count(places: np.ndarray, lines: Spans) -> np.ndarray:
    """(lines,) how many of some places, in ascending order, lie in each line."""
    return np.searchsorted(places, lines.end) - np.searchsorted(places, lines.start)
