"""The held-out spans that every evaluation scores: short, spread over documents, and always the same."""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

SPAN_BYTES = 1024


class Span(NamedTuple):
    """Bytes [start, end) of a held-out document; `document` is the SHA-256 of its text in hex."""

    document: str
    start: int
    end: int
    text: str


def cut(content: bytes) -> list[tuple[int, int]]:
    """Cut UTF-8 into nearly equal consecutive spans of at most 1024 bytes, never inside a character."""
    pieces = -(-len(content) // (SPAN_BYTES - 3))  # a border moves back by at most three bytes
    borders = [_floor(content, len(content) * i // pieces) for i in range(pieces + 1)]
    return list(pairwise(borders))


def _floor(content: bytes, position: int) -> int:
    while 0 < position < len(content) and content[position] & 0xC0 == 0x80:
        position -= 1
    return position


def choose_spans(documents: Iterable[tuple[bytes, bytes]], limit: int) -> Iterator[Span]:
    """Spans of `limit` bytes in total (all the text where there is less), from as many documents as possible.

    Documents take turns in the given order, each giving its spans in an order drawn by hash.

    Args:
        documents: (SHA-256, UTF-8 content) of each; iterated once, and only as far as needed.
        limit: most bytes in total; the last span is cut short at it.
    """
    left = limit
    for digest, content, (start, end) in _turns(documents):
        end = _floor(content, min(end, start + left))
        if end <= start:
            return
        yield Span(digest.hex(), start, end, content[start:end].decode())
        left -= end - start
        if not left:
            return


def _turns(documents: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes, tuple[int, int]]]:
    waiting: list[tuple[bytes, bytes, list[tuple[int, int]]]] = []
    for digest, content in documents:
        pieces = sorted(cut(content), key=lambda piece: hashlib.sha256(digest + b"%d" % piece[0]).digest())
        yield digest, content, pieces.pop()
        if pieces:
            waiting.append((digest, content, pieces))
    while waiting:
        for digest, content, pieces in waiting:
            yield digest, content, pieces.pop()
        waiting = [entry for entry in waiting if entry[2]]
