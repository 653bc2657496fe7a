"""Documents that have the id of an earlier one, found in bounded memory."""

from collections.abc import Iterable

import numpy as np

_AT_ONCE = 1 << 22


def repeated(pieces: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Documents that have the key of an earlier one and another content: (found, 2) places of both.

    Args:
        pieces: keys and contents of documents, piece by piece, both uint64 hashes; iterated several times where there
            are many.
    """
    total = sum(len(keys) for keys, _ in pieces)
    parts = -(-total // _AT_ONCE)
    result = [np.zeros((0, 2), np.int64)]
    for part in range(parts):
        found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        first = 0
        for keys, contents in pieces:
            mine = np.flatnonzero(keys % np.uint64(parts) == part) if parts > 1 else np.arange(len(keys))
            found.append((keys[mine], contents[mine], mine + first))
            first += len(keys)
        every, contents, places = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        order = np.argsort(every, kind="stable")
        every, contents, places = every[order], contents[order], places[order]
        begins = np.concatenate([[True], every[1:] != every[:-1]])
        earliest = np.maximum.accumulate(np.where(begins, np.arange(len(every)), 0))
        again = np.flatnonzero(contents != contents[earliest])
        result.append(np.stack([places[again], places[earliest[again]]], axis=1))
    joined = np.concatenate(result)
    return joined[np.argsort(joined[:, 0])]
