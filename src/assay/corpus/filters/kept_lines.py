"""Taking lines away from texts."""

import numpy as np

from assay.corpus.filters.filter import Edited
from assay.corpus.filters.parsed import Parsed, Spans


def keep_lines(parsed: Parsed, lines: Spans, faults: np.ndarray) -> Edited:
    """Take away the lines that have a fault.

    Args:
        parsed: the chunk.
        lines: its lines.
        faults: (lines, E) bool; bytes of a line count under its first fault.
    """
    gone = np.any(faults, axis=1, keepdims=True)[:, 0]
    taken = np.zeros((len(parsed), faults.shape[1]), np.int64)
    np.add.at(taken, (lines.document[gone], np.argmax(faults, axis=1)[gone]), line_sizes(parsed, lines)[gone])
    texts = {}
    for document in np.flatnonzero(lines.sums(gone)).tolist():
        texts[document] = _stay(parsed, lines, gone, int(lines.first[document]), int(lines.first[document + 1]))
    return Edited(texts, taken)


def holding(parsed: Parsed, lines: Spans, needle: bytes) -> np.ndarray:
    """(lines,) bool: the line holds a phrase, given in lower case, in any case."""
    found = np.zeros(len(lines), bool)
    found[np.searchsorted(lines.start, parsed.find(parsed.lower, needle), "right") - 1] = True
    return found


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
