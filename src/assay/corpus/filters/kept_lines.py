"""Taking lines away from texts."""

import re

import numpy as np

from assay.corpus.filters.filter import Edited
from assay.corpus.filters.parsed import Parsed, Spans


def keep_lines(
    parsed: Parsed, lines: Spans, faults: np.ndarray, pattern: re.Pattern[bytes], strip: np.ndarray
) -> Edited:
    """Take away the lines with a fault, and then what a pattern finds in documents.

    Args:
        parsed: the chunk.
        lines: its lines.
        faults: (lines, E) bool; bytes of a line count under its first fault.
        pattern: taken out of the text of lines that stay.
        strip: (N,) bool, of which documents. What it takes counts under an edit after the others.
    """
    gone = np.any(faults, axis=1, keepdims=True)[:, 0]
    taken = np.zeros((len(parsed), faults.shape[1] + 1), np.int64)
    which = np.argmax(faults, axis=1)
    np.add.at(taken, (lines.document[gone], which[gone]), line_sizes(parsed, lines)[gone])
    texts = {}
    hit = lines.sums(gone) > 0
    if pattern.search(parsed.raw):
        hit |= strip
    for document in np.flatnonzero(hit).tolist():
        first, after = int(lines.first[document]), int(lines.first[document + 1])
        before = parsed.raw[parsed.offsets[document] : parsed.offsets[document + 1]]
        text = _stay(parsed, lines, gone, first, after) if gone[first:after].any() else before
        if strip[document]:
            short = pattern.sub(b"", text)
            taken[document, -1] += len(text) - len(short)
            text = short
        if text != before:
            texts[document] = text
    return Edited(texts, taken)


def line_sizes(parsed: Parsed, lines: Spans) -> np.ndarray:
    """(lines,) bytes of each line, with what ends it."""
    size = np.append(lines.start[1:], len(parsed.data)) - lines.start
    last = lines.first[1:][lines.counts > 0] - 1
    size[last] = parsed.offsets[1:][lines.counts > 0] - lines.start[last]
    return size


def _stay(parsed: Parsed, lines: Spans, gone: np.ndarray, first: int, after: int) -> bytes:
    """The text of the lines first … after that stay, with the line breaks between them as they are."""
    stays = np.flatnonzero(~gone[first:after]) + first
    if not len(stays):
        return b""
    jump = np.flatnonzero(np.diff(stays) > 1)
    begin = lines.start[stays[np.concatenate(([0], jump + 1))]]
    end = lines.end[stays[np.append(jump, len(stays) - 1)]]
    return b"\n".join(parsed.raw[b:e] for b, e in zip(begin.tolist(), end.tolist(), strict=True))
