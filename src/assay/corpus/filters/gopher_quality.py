"""Gopher's quality filter: documents that do not look like prose."""

from typing import ClassVar

import numpy as np

from assay.corpus.filters.characters import LETTER, PLAIN, WORD
from assay.corpus.filters.filter import Measuring, Rule
from assay.corpus.filters.hashes import short_word
from assay.corpus.filters.parsed import Parsed
from assay.spec.base import Frozen

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")


class GopherQuality(Measuring, Frozen):
    """Numbers and lengths of words, symbols, bullet points, ellipses, letters and stop words.

    Source: Rae et al. 2021, "Scaling Language Models: Methods, Analysis & Insights from Training Gopher", appendix
    A.1.1, in the reading of datatrove 0.10: words that are punctuation alone count neither as words nor for their mean
    length, but do in shares of words; stop words are matched as they are written.
    """

    stop_words: tuple[str, ...] = STOP_WORDS

    name: ClassVar[str] = "gopher_quality"
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("few_words", "words", "least", 50),
        Rule("many_words", "words", "most", 100_000),
        Rule("short_words", "mean_word_length", "least", 3),
        Rule("long_words", "mean_word_length", "most", 10),
        Rule("hashes", "hashes", "most", 0.1),
        Rule("ellipses", "ellipses", "most", 0.1),
        Rule("bullet_lines", "bullet_lines", "most", 0.9),
        Rule("ellipsis_lines", "ellipsis_lines", "most", 0.3),
        Rule("few_letters", "words_with_letters", "least", 0.8),
        Rule("few_stop_words", "stop_words", "least", 2),
    )

    def measure(self, parsed: Parsed) -> dict[str, np.ndarray]:
        words = parsed.words
        within = parsed.kinds[words.start]
        # What begins with a letter holds one; of other words that go on, all characters are looked at.
        others = np.flatnonzero((within & (WORD | LETTER) == WORD) & (words.end - words.start > 1))
        if len(others):
            within[others] = np.bitwise_or.reduceat(
                np.append(parsed.kinds, np.uint8(0)), np.stack((words.start[others], words.end[others]), 1).ravel()
            )[::2]
        plain = (within & PLAIN) > 0
        all_words = np.where(words.counts > 0, words.counts, np.nan)
        plain_words = words.sums(plain)
        dots = parsed.count(parsed.find(parsed.raw, b"...")) + parsed.count(parsed.find(parsed.raw, "…".encode()))
        return {
            "words": plain_words,
            "mean_word_length": words.sums(parsed.word_lengths * plain)
            / np.where(plain_words > 0, plain_words, np.nan),
            "hashes": parsed.count(np.flatnonzero(parsed.data == ord("#"))) / all_words,
            "ellipses": dots / all_words,
            **_lines(parsed),
            "words_with_letters": words.sums((within & LETTER) > 0) / all_words,
            "stop_words": self._stop_words(parsed),
        }

    def _stop_words(self, parsed: Parsed) -> np.ndarray:
        """(N,) how many different stop words there are."""
        hashes = np.array(sorted(short_word(word) for word in set(self.stop_words)), np.uint64)
        # Few words agree with a stop word in the first 16 bits of their hashes: only those are looked up.
        likely = np.zeros(1 << 16, bool)
        likely[hashes >> np.uint64(48)] = True
        places = np.flatnonzero(likely[parsed.word_hashes >> np.uint64(48)])
        which = np.minimum(np.searchsorted(hashes, parsed.word_hashes[places]), len(hashes) - 1)
        same = hashes[which] == parsed.word_hashes[places]
        found = np.zeros((len(parsed), len(hashes)), bool)
        found[parsed.words.document[places[same]], which[same]] = True
        return found.sum(axis=1)


def _lines(parsed: Parsed) -> dict[str, np.ndarray]:
    """Shares of lines that begin with a bullet point, and that end with an ellipsis; whitespace around them aside."""
    lines = parsed.screen_lines
    first, after = parsed.words_of(lines)
    holds = first < after
    begin, end = parsed.words.start[first[holds]], parsed.words.end[after[holds] - 1]
    start = lines.start[holds]
    bullet, ellipsis = np.zeros(len(lines), bool), np.zeros(len(lines), bool)
    bullet[holds] = (parsed.data[begin] == ord("-")) | _is(parsed, begin, begin + 3, "•".encode())
    ellipsis[holds] = ((end - start >= 3) & _is(parsed, end - 3, end, b"...")) | _is(parsed, end - 3, end, "…".encode())
    count = np.where(lines.counts > 0, lines.counts, np.nan)
    return {"bullet_lines": lines.sums(bullet) / count, "ellipsis_lines": lines.sums(ellipsis) / count}


def _is(parsed: Parsed, start: np.ndarray, end: np.ndarray, three: bytes) -> np.ndarray:
    """Where three bytes stand, of places within the chunk or not."""
    inside = (start >= 0) & (end <= len(parsed.data))
    place = np.where(inside, start, 0)
    size = max(len(parsed.data) - 1, 0)
    for offset, byte in enumerate(three):
        inside = inside & (parsed.data[np.minimum(place + offset, size)] == byte)
    return inside
