"""Lines and paragraphs of a text, and their hashes."""

import re
from typing import Literal

import numpy as np
import xxhash

Unit = Literal["lines", "paragraphs"]
#: Bytes, less the white space around it, of a line or paragraph that is looked at: `}` and `Chapter 3` may recur.
LEAST = 20
#: Keys sorted together.
_AT_ONCE = 1 << 25
_BETWEEN = re.compile(rb"\n[ \t\r\f\v]*\n\s*")


def units(text: bytes, unit: Unit) -> list[tuple[int, int, int]]:
    """Where each line or paragraph begins and ends, and where the next one begins. Blank lines separate paragraphs."""
    if unit == "lines":
        found, begin = [], 0
        for line in text.split(b"\n"):
            end = begin + len(line)
            found.append((begin, end, min(end + 1, len(text))))
            begin = end + 1
        return found
    found, begin = [], 0
    for gap in _BETWEEN.finditer(text):
        found.append((begin, gap.start(), gap.end()))
        begin = gap.end()
    found.append((begin, len(text), len(text)))
    return found


def unit_hashes(text: bytes, unit: Unit) -> tuple[list[int], list[int]]:
    """Places among the units, and 64-bit hashes (XXH3), of those that are long enough, white space around them cut."""
    digest = xxhash.xxh3_64_intdigest
    pieces = text.split(b"\n") if unit == "lines" else _BETWEEN.split(text)
    stripped = [piece.strip() for piece in pieces]
    places = [place for place, piece in enumerate(stripped) if len(piece) >= LEAST]
    return places, [digest(stripped[place]) for place in places]


def indexes(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where each wanted value is among `keys`, which ascend; −1 where it is not."""
    if not len(keys):
        return np.full(len(wanted), -1)
    order = np.argsort(wanted)  # values in order are found faster: neighbours lie in the cache
    found = np.empty(len(wanted), np.int64)
    found[order] = np.minimum(np.searchsorted(keys, wanted[order]), len(keys) - 1)
    return np.where(keys[found] == wanted, found, -1)


def first_owners(keys: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keys that occur more than once, in ascending order; the first document with each; and how often each occurs.

    Args:
        keys: (keys,) uint64 of all documents, one after the other.
        offsets: (N+1,) int64; those of document i are from `offsets[i]` to `offsets[i + 1]`.
    """
    parts = len(keys) // _AT_ONCE + 1
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    edges = [part * ((1 << 64) // parts) for part in range(parts)]
    for part, low in enumerate(edges):
        inside = keys >= np.uint64(low)
        if part + 1 < parts:
            inside &= keys < np.uint64(edges[part + 1])
        places = np.flatnonzero(inside)
        mine = keys[places]
        order = np.argsort(mine, kind="stable")
        ordered = mine[order]
        begins = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))) if len(ordered) else order
        counts = np.diff(np.append(begins, len(ordered)))
        again = begins[counts > 1]
        owners = np.searchsorted(offsets, places[order[again]], side="right") - 1
        found.append((ordered[again], owners, counts[counts > 1]))
    return tuple(np.concatenate(arrays) for arrays in zip(*found, strict=True))  # pyright: ignore[reportReturnType]
