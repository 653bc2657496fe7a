"""The merges of a byte-level BPE from counts of words (Sennrich et al. 2016, "Neural machine translation of rare words
with subword units", algorithm 1), with ties and all as in the trainer of the `tokenizers` library.

All words lie in one array of symbols with links to the next and the previous one, and a merge replaces all places of a
pair at once. A pair's places are collected when the pair comes up and looked at again when its turn comes, which the
counts decide: they are kept up to date, the queue is not.
"""

import heapq
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

_NONE = -1


def learn_merges(
    words: pa.Array, counts: np.ndarray, first: np.ndarray, tokens: int, size: int
) -> list[tuple[int, int]]:
    """Learn merges until there are `size` tokens or nothing is left to merge.

    Of the most frequent pairs the one with the lowest numbers is merged first.

    Args:
        words: different words, a large binary array.
        counts: (words,) how often each occurs.
        first: (256,) the token of each byte.
        tokens: how many there are before any merge.
        size: tokens in the end.

    Returns:
        Pairs of tokens in the order of their merging; each makes the token with the next number.
    """
    return _Learner(words, counts, first, tokens).learn(size)


class _Learner:
    """Symbols of all words, (N,) arrays: a symbol's token, how often its word occurs, and its neighbours' places."""

    def __init__(self, words: pa.Array, counts: np.ndarray, first: np.ndarray, tokens: int) -> None:
        _, offsets, data = words.buffers()
        bounds = np.frombuffer(offsets, np.int64)[words.offset : words.offset + len(words) + 1]
        symbols = np.frombuffer(data, np.uint8)[bounds[0] : bounds[-1]] if data else np.empty(0, np.uint8)
        bounds = bounds - bounds[0]
        number = len(symbols)
        assert number < 1 << 31
        self._token_N = first[symbols].astype(np.int32)
        self._weight_N = np.repeat(counts.astype(np.int64), np.diff(bounds))
        self._next_N = np.arange(1, number + 1, dtype=np.int32)
        self._next_N[bounds[1:] - 1] = _NONE
        self._previous_N = np.arange(-1, number - 1, dtype=np.int32)
        self._previous_N[bounds[:-1]] = _NONE
        self._marked_N = np.zeros(number, bool)
        self._tokens = tokens
        self._counts: dict[int, int] = {}
        self._queue: list[tuple[int, int, int]] = []  # minus the count, the pair, its number in `_places`
        self._places: list[np.ndarray | None] = []
        places = np.flatnonzero(self._next_N != _NONE).astype(np.int32)
        # Two bytes are a small number, which numpy sorts by radix; then pairs of one number are made tokens in order.
        order = np.argsort(symbols[places].astype(np.uint16) << 8 | symbols[places + 1], kind="stable")
        self._add(places[order])

    def learn(self, size: int) -> list[tuple[int, int]]:
        merges: list[tuple[int, int]] = []
        while self._tokens < size and self._queue:
            negative, pair, number = heapq.heappop(self._queue)
            count = self._counts[pair]
            if count != -negative:
                if count > 0:
                    heapq.heappush(self._queue, (-count, pair, number))
                continue
            places, self._places[number] = self._places[number], None
            assert places is not None
            merges.append((pair >> 32, pair & 0xFFFFFFFF))
            self._merge(places, *merges[-1])
        return merges

    def _merge(self, places_P: np.ndarray, left: int, right: int) -> None:
        token, next_N, previous_N, marked_N = self._token_N, self._next_N, self._previous_N, self._marked_N
        places_P = self._present(places_P, left, right)
        second_P = next_N[places_P]
        after_P, before_P = next_N[second_P], previous_N[places_P]
        has_after_P = after_P != _NONE
        # What stood beside the merged symbols is gone; between two merged pairs it is counted with the left one.
        marked_N[second_P] = True
        has_before_P = (before_P != _NONE) & ~marked_N[before_P]
        marked_N[second_P] = False
        self._lose(np.concatenate([second_P[has_after_P], before_P[has_before_P]]))
        token[places_P] = self._tokens
        token[second_P] = _NONE
        self._tokens += 1
        next_N[places_P] = after_P
        previous_N[after_P[has_after_P]] = places_P[has_after_P]
        # What stands there now; between two merged pairs it is counted with the left one again.
        self._add_any(np.concatenate([places_P[has_after_P], before_P[has_before_P]]))

    def _present(self, places_P: np.ndarray, left: int, right: int) -> np.ndarray:
        """Those places where the pair still is; where pairs overlap, as in aaa, every other one from the first."""
        places_P = places_P[self._token_N[places_P] == left]
        after_P = self._next_N[places_P]
        there_P = (after_P != _NONE) & (self._token_N[after_P] == right)
        places_P = places_P[there_P]
        if left != right or len(places_P) < 2:
            return places_P
        places_P = np.sort(places_P)
        chained_P = np.append(False, self._next_N[places_P[:-1]] == places_P[1:])
        index_P = np.arange(len(places_P))
        return places_P[(index_P - np.maximum.accumulate(np.where(chained_P, 0, index_P))) % 2 == 0]

    def _pairs(self, places_P: np.ndarray) -> np.ndarray:
        return self._token_N[places_P].astype(np.int64) << 32 | self._token_N[self._next_N[places_P]]

    def _lose(self, places_P: np.ndarray) -> None:
        """Take pairs off the counts."""
        pairs_P = self._pairs(places_P)
        order = np.argsort(pairs_P, kind="stable")
        for pair, weight, _, _ in self._groups(pairs_P[order], places_P[order]):
            self._counts[pair] -= weight

    def _add_any(self, places_P: np.ndarray) -> None:
        self._add(places_P[np.argsort(self._pairs(places_P), kind="stable")])

    def _add(self, places_P: np.ndarray) -> None:
        """Count pairs that came up, equal ones side by side, and queue each with its places."""
        counts = self._counts
        for pair, weight, begin, end in self._groups(self._pairs(places_P), places_P):
            count = counts[pair] = counts.get(pair, 0) + weight
            heapq.heappush(self._queue, (-count, pair, len(self._places)))
            self._places.append(places_P[begin:end])

    def _groups(self, pairs_P: np.ndarray, places_P: np.ndarray) -> Iterator[tuple[int, int, int, int]]:
        """Pair, weight, begin and end of each stretch of equal pairs."""
        if not len(pairs_P):
            return iter(())
        begins = np.flatnonzero(np.append(True, pairs_P[1:] != pairs_P[:-1]))
        weights = np.add.reduceat(self._weight_N[places_P], begins)
        ends = np.append(begins[1:], len(pairs_P))
        return zip(pairs_P[begins].tolist(), weights.tolist(), begins.tolist(), ends.tolist(), strict=True)
