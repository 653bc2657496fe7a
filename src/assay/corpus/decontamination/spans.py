"""Stretches of a document that hold text of evaluations: joined where they overlap, told in words, or cut out."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

#: As in Brown et al. 2020, appendix C: text up to so far around a match goes with it, what then remains must be as
#: long, and a text with more cuts goes as a whole.
_REACH = 200
_MOST_CUTS = 10
_SHOWN = 5
_LONGEST_SHOWN = 240
_BORDER = re.compile(rb"\n|[.!?][\"')\]]*\s|\xe3\x80\x82")


class Span(NamedTuple):
    """Bytes [start, end) of a document, and one n-gram that was found there."""

    start: int
    end: int
    ngram: int


def joined(starts: np.ndarray, ends: np.ndarray, ngrams: np.ndarray) -> list[Span]:
    """Stretches covered by occurrences of one document, which overlap or not."""
    found: list[Span] = []
    for i in np.argsort(starts, kind="stable").tolist():
        start, end = int(starts[i]), int(ends[i])
        if found and start <= found[-1].end:
            found[-1] = found[-1]._replace(end=max(end, found[-1].end))
        else:
            found.append(Span(start, end, int(ngrams[i])))
    return found


def told(text: bytes, spans: Sequence[Span], labels: Sequence[str]) -> str:
    """The matched stretches of a document in words: whose they are, where, and their text."""
    shown = [
        f"{label}, bytes {span.start} to {span.end}: “{_shortened(text[span.start : span.end])}”"
        for span, label in zip(spans[:_SHOWN], labels, strict=False)
    ]
    more = [f"{len(spans) - _SHOWN} more"] if len(spans) > _SHOWN else []
    return "; ".join([*shown, *more])


def _shortened(text: bytes) -> str:
    whole = text.decode()
    return whole if len(whole) <= _LONGEST_SHOWN else f"{whole[:_LONGEST_SHOWN]}…"


def cut(text: bytes, spans: Sequence[Span]) -> str | None:
    """The text without the sentences or lines that spans are in; None if too little or only scraps remain."""
    if len(spans) > _MOST_CUTS:
        return None
    kept: list[bytes] = []
    done = 0
    for span in spans:
        start, end = _sentence(text, span)
        if start > done:
            kept.append(text[done:start])
        done = max(done, end)
    kept.append(text[done:])
    rest = b"".join(kept).decode()
    return rest if len(rest.strip()) >= _REACH else None


def _sentence(text: bytes, span: Span) -> tuple[int, int]:
    """A span with the rest of its first and last sentence or line, if they end within reach; else the span itself."""
    low, high = max(0, span.start - _REACH), min(len(text), span.end + _REACH)
    before = [match.end() for match in _BORDER.finditer(text, low, span.start)]
    after = _BORDER.search(text, max(span.start, span.end - 1), high)
    start = before[-1] if before else (0 if low == 0 else span.start)
    end = after.end() if after else (len(text) if high == len(text) else span.end)
    return start, max(end, span.end)
