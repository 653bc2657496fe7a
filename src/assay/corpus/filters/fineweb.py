"""FineWeb's own quality rules: lists, menus and other documents of short or repeated lines."""

from typing import ClassVar

import numpy as np

from assay.corpus.filters.characters import TERMINAL
from assay.corpus.filters.filter import Measuring, Rule
from assay.corpus.filters.gopher_repetition import seen_before
from assay.corpus.filters.parsed import Parsed
from assay.spec.base import Frozen


class FineWeb(Measuring, Frozen):
    """Shares of lines that end a sentence, that are short, of characters in repeated lines, and newlines per word.

    Source: Penedo et al. 2024, "The FineWeb Datasets: Decanting the Web for the Finest Text Data at Scale", section
    3.6, in the reading of datatrove 0.10: lines without anything but whitespace do not count; a sentence may end with
    the full stop of any script.
    """

    short_line: int = 30
    """Most characters of a short line."""

    name: ClassVar[str] = "fineweb"
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("unfinished_lines", "finished_lines", "least", 0.12),
        Rule("short_lines", "short_lines", "most", 0.67),
        Rule("duplicate_line_characters", "duplicate_line_characters", "most", 0.01),
        Rule("newlines", "newlines", "most", 0.3),
    )

    def measure(self, parsed: Parsed) -> dict[str, np.ndarray]:
        lines = parsed.lines
        first, after = parsed.words_of(lines)
        holds = first < after
        length = parsed.length(lines.start, lines.end)
        finished = np.zeros(len(lines), bool)
        finished[holds] = (parsed.kinds[lines.end[holds] - 1] & TERMINAL) > 0
        seen = np.zeros(len(lines), bool)
        seen[holds] = seen_before(parsed.line_hashes[holds], lines.document[holds])
        count = np.maximum(lines.sums(holds), 1)
        newlines = lines.counts - 1
        words = parsed.words.counts
        return {
            "finished_lines": lines.sums(finished) / count,
            "short_lines": lines.sums(holds & (length <= self.short_line)) / count,
            "duplicate_line_characters": lines.sums(length * seen) / np.maximum(parsed.characters - newlines, 1),
            "newlines": newlines / np.where(words > 0, words, np.nan),
        }
