"""Counting sentences without a model of a language."""

import numpy as np

from assay.corpus.filters.characters import TERMINAL, WIDE
from assay.corpus.filters.parsed import Parsed

CLOSERS = "\"'”’)]»"
_FIRST = np.zeros(256, bool)
_FIRST[[each.encode()[0] for each in CLOSERS]] = True


def sentences(parsed: Parsed) -> np.ndarray:
    """(N,) sentences of each text, counted line by line.

    A sentence ends with punctuation that ends sentences in some script, and up to two quotes or brackets that close, in
    front of whitespace; after `。`, `！` and `？` no whitespace is needed; and where its line ends.
    """
    words, lines = parsed.words, parsed.screen_lines
    count = len(words)
    if not count:
        return np.zeros(len(parsed), np.int64)
    kinds = parsed.kinds[words.start]
    glued = np.append(parsed.glued, False)
    first, after = parsed.words_of(lines)
    line_end = np.zeros(count, bool)
    holds = first < after
    line_end[after[holds] - 1] = True
    closer = _closers(parsed)
    terminal = (kinds & TERMINAL) > 0
    wide = (kinds & WIDE) > 0
    for _ in range(2):  # what closes after what ends a sentence
        follows = closer[1:] & glued[1:-1]
        terminal[1:] |= follows & terminal[:-1]
        wide[1:] |= follows & wide[:-1]
    going_on = np.append(terminal[1:], False)
    ends = (terminal & ~glued[1:]) | (wide & ~going_on) | line_end
    return words.sums(ends)


def _closers(parsed: Parsed) -> np.ndarray:
    """(words,) bool: the word is a quote or bracket that closes."""
    start = parsed.words.start
    first = parsed.data[start]
    closer = _FIRST[first]
    several = np.flatnonzero(closer & (first >= 0x80))
    if len(several):
        held = np.zeros(len(several), bool)
        for each in CLOSERS:
            raw = each.encode()
            same = np.full(len(several), len(raw) > 1)
            for offset, byte in enumerate(raw):  # a character's first byte says how many follow
                here = start[several][same] + offset
                same[same] = parsed.data[here] == byte
            held |= same
        closer[several] = held
    return closer
