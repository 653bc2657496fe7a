"""Clusters of documents, and which of each cluster are kept."""

from collections.abc import Callable, Iterable

import numpy as np


class UnionFind:
    """Disjoint sets of numbers (Tarjan 1975), with halved paths; a set is named by its least number."""

    def __init__(self, count: int) -> None:
        self._parents = list(range(count))

    def find(self, number: int) -> int:
        """The least number of the set."""
        parents = self._parents
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    def join(self, one: int, other: int) -> None:
        """Make the sets of two numbers one."""
        one, other = self.find(one), self.find(other)
        self._parents[max(one, other)] = min(one, other)

    def roots(self) -> np.ndarray:
        """(count,) int64, the name of each number's set."""
        return np.array([self.find(number) for number in range(len(self._parents))], np.int64)


def clusters(count: int, pairs: Iterable[tuple[int, int]]) -> np.ndarray:
    """(count,) int64: the least number that each is joined with, directly or through others."""
    sets = UnionFind(count)
    for one, other in pairs:
        sets.join(one, other)
    return sets.roots()


def removals(
    pairs: np.ndarray, values: np.ndarray, similarity: float, compare: Callable[[int, int], float]
) -> dict[int, tuple[int, float]]:
    """Which documents go, and of which kept one each is a duplicate, with their Jaccard similarity.

    In the order of the documents, one goes if it is similar enough to one that stays. So the first of each cluster
    stays, and each that goes has a kept one that it was compared with: chains of small changes, A like B and B like C,
    do not remove C for A's sake unless these two are alike.

    Args:
        pairs: (pairs, 2), similar enough, the earlier first.
        values: (pairs,), their Jaccard similarities.
        compare: finds the similarity of two documents that are no pair.
    """
    order = np.lexsort((pairs[:, 0], pairs[:, 1]))
    gone: dict[int, tuple[int, float]] = {}
    first, ends = 0, np.append(np.flatnonzero(np.diff(pairs[order, 1])) + 1, len(order))
    for last in ends if len(order) else ():
        mine = order[first:last]
        first = last
        number = int(pairs[mine[0], 1])
        known = {int(pairs[place, 0]): float(values[place]) for place in mine}
        standing = {other: value for other, value in known.items() if other not in gone}
        if not standing:
            for other in sorted({gone[other][0] for other in known}):
                value = compare(other, number)
                if value >= similarity:
                    standing[other] = value
        if standing:
            best = max(standing, key=lambda other: (standing[other], -other))
            gone[number] = (best, standing[best])
    return gone
