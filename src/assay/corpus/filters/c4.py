"""C4's filter: lines that are no sentences, and documents of which little is left then."""

import re
from typing import ClassVar

import numpy as np

from assay.corpus.filters.filter import Edit, Edited, Rule
from assay.corpus.filters.kept_lines import holding, keep_lines, line_sizes
from assay.corpus.filters.parsed import Parsed, Spans
from assay.corpus.filters.sentences import sentences
from assay.spec.base import Frozen

CITATION = re.compile(rb"\[\d*]|\[edit]|\[citation needed]")
END = (b".", b"?", b"!", b'"', b"'")
_ENDS = np.zeros(256, bool)
_ENDS[np.frombuffer(b"".join(END), np.uint8)] = True
POLICIES = (b"terms of use", b"privacy policy", b"cookie policy", b"uses cookies", b"use of cookies", b"use cookies")


class C4(Frozen):
    """Takes away lines, and documents with placeholder text, code or too few sentences.

    Source: Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer",
    section 2.2, in the reading of datatrove 0.10 (bad words are a matter of `listed_words`). Lines that stay keep the
    whitespace around them, since in code it means something; datatrove strips it. Sentences are counted by `sentences`.
    """

    longest_word: int = 1000
    """Most characters of a word."""
    fewest_words: int = 3
    """Least words of a line."""

    name: ClassVar[str] = "c4"
    edits: ClassVar[tuple[Edit, ...]] = (
        Edit("long_word"),
        Edit("no_terminal_punctuation"),
        Edit("few_words"),
        Edit("javascript"),
        Edit("policy"),
        Edit("citation", within=True),
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("lorem_ipsum", "lorem_ipsum", "most", 0),
        Rule("curly_bracket", "curly_brackets", "most", 0),
        Rule("few_sentences", "sentences", "least", 5),
    )

    def measure(self, parsed: Parsed) -> dict[str, np.ndarray]:
        return {
            "lorem_ipsum": parsed.count(parsed.find(parsed.lower, b"lorem ipsum")),
            "curly_brackets": parsed.count(np.flatnonzero(parsed.data == ord("{"))),
            "sentences": sentences(parsed),
        }

    def edit(self, parsed: Parsed, on: np.ndarray) -> Edited:
        lines = parsed.screen_lines
        faults = np.stack(self._faults(parsed, lines), axis=1)  # (lines, edits but the last)
        kept = keep_lines(parsed, lines, faults & on[lines.document][:, :-1])
        texts = dict(kept.texts)
        cited = np.zeros((len(parsed), 1), np.int64)
        for document in np.flatnonzero(on[:, -1] & (parsed.count(_citations(parsed)[0]) > 0)).tolist():
            text = texts.get(document, parsed.texts.bytes(document))
            texts[document] = CITATION.sub(b"", text)
            cited[document] = len(text) - len(texts[document])
        return Edited(texts, np.hstack((kept.taken, cited)))

    def losses(self, parsed: Parsed) -> np.ndarray:
        lines = parsed.screen_lines
        sizes = line_sizes(parsed, lines)
        taken = [lines.sums(sizes * fault) for fault in self._faults(parsed, lines)]
        cited = np.zeros(len(parsed), np.int64)
        start, end = _citations(parsed)
        np.add.at(cited, parsed.document_of(start), end - start)
        return np.stack([*taken, cited], axis=1)

    def _faults(self, parsed: Parsed, lines: Spans) -> list[np.ndarray]:
        """(lines,) bool for each edit but the last: it would take the line."""
        words = parsed.words
        first, after = parsed.words_of(lines)
        begin = np.flatnonzero(~parsed.glued)  # first words of what stands between whitespace
        count = np.searchsorted(begin, after) - np.searchsorted(begin, first)
        long_word = np.zeros(len(lines), bool)
        start, end = words.start[begin], words.end[np.append(begin[1:], len(words)) - 1] if len(begin) else begin
        wide = np.flatnonzero(end - start > self.longest_word)
        wide = wide[parsed.length(start[wide], end[wide]) > self.longest_word]
        long_word[np.searchsorted(lines.start, start[wide], "right") - 1] = True
        finished = np.zeros(len(lines), bool)
        holds = first < after
        last = words.end[after[holds] - 1]
        dots = (last - lines.start[holds]) >= 3
        for each in (1, 2, 3):
            dots &= parsed.data[np.maximum(last - each, 0)] == ord(".")
        finished[holds] = _ENDS[parsed.data[last - 1]] & ~dots
        for line in np.unique(np.searchsorted(lines.start, _citations(parsed)[0], "right") - 1).tolist():
            text = CITATION.sub(b"", parsed.raw[lines.start[line] : lines.end[line]].strip())
            finished[line] = text.endswith(END) and not text.endswith(b"...")
        lorem = holding(parsed, lines, b"lorem ipsum")
        policy = np.zeros(len(lines), bool)
        cookies = b"cookie" in parsed.lower
        for phrase in POLICIES:
            if b"cookie" not in phrase or cookies:
                policy |= holding(parsed, lines, phrase)
        curly = np.zeros(len(lines), bool)
        curly[np.searchsorted(lines.start, np.flatnonzero(parsed.data == ord("{")), "right") - 1] = True
        # A line with what removes the whole document stays for that to be seen.
        javascript = holding(parsed, lines, b"javascript") & ~lorem
        return [long_word, ~finished, count < self.fewest_words, javascript, policy & ~lorem & ~curly]


def _citations(parsed: Parsed) -> tuple[np.ndarray, np.ndarray]:
    """Places of citations: of their first bytes, and after their last; none reaches into the next document."""
    found = [match.span() for match in CITATION.finditer(parsed.raw)] if b"[" in parsed.raw else []
    spans = np.array(found, np.int64).reshape(-1, 2)
    within = spans[parsed.document_of(spans[:, 0]) == parsed.document_of(spans[:, 1] - 1)]
    return within[:, 0], within[:, 1]
