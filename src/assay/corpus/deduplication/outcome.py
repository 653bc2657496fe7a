"""Which documents go because they are duplicates, of which others, and a report on them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from assay.corpus.deduplication.cards import Card
from assay.corpus.steps.step import Batch, Judged

SAMPLES = 8


@dataclass(frozen=True)
class Duplicates:
    """Documents that go, by number in ascending order.

    Attributes:
        numbers: (D,) int64.
        kept: (D,) names of the documents that stay for them.
        similarity: (D,) Jaccard similarity with these; None where it was not asked for.
        equal: (D,) whether the texts are the same to the byte; None where the rule says it.
        report: JSON data.
    """

    numbers: np.ndarray
    kept: Sequence[str]
    similarity: np.ndarray | None = None
    equal: np.ndarray | None = None
    report: Mapping[str, Any] = field(default_factory=dict)

    def judged(self, batch: Batch, rule: str) -> Judged:
        """What that makes of a batch."""
        first, last = np.searchsorted(self.numbers, [batch.first, batch.first + len(batch)])
        places = range(first, last)
        return Judged(
            removed={int(self.numbers[place]) - batch.first: self._rule(place, rule) for place in places},
            details={int(self.numbers[place]) - batch.first: self._detail(place) for place in places},
        )

    def _rule(self, place: int, rule: str) -> str:
        return "exact" if self.equal is not None and self.equal[place] else rule

    def _detail(self, place: int) -> str:
        said = f"duplicate of {self.kept[place]}"
        if self.similarity is None or self._rule(place, "") == "exact":
            return said
        return f"{said}, Jaccard {self.similarity[place]:.2f}"


@dataclass(frozen=True)
class Copy:
    """A document that goes, for a report."""

    kept: Card
    dropped: Card
    jaccard: float = 1.0


def cluster_report(copies: Sequence[Copy], groups: Sequence[int], sizes: Mapping[int, int]) -> dict[str, Any]:
    """JSON data on clusters: how many, how large, between which domains, and samples of kept and dropped documents.

    Args:
        copies: all documents that go.
        groups: (copies,), which cluster each belongs to.
        sizes: documents of each cluster, those that stay too.
    """
    domains: dict[tuple[str, str], list[int]] = {}
    for copy in copies:
        amount = domains.setdefault((copy.kept.domain, copy.dropped.domain), [0, 0])
        amount[0] += 1
        amount[1] += copy.dropped.bytes
    members: dict[int, list[Copy]] = {}
    for copy, group in zip(copies, groups, strict=True):
        members.setdefault(group, []).append(copy)
    largest = sorted(members, key=lambda group: (-sizes[group], group))[:SAMPLES]
    least = sorted(copies, key=lambda copy: (copy.jaccard, copy.dropped.name))[:SAMPLES]
    return {
        "clusters": len(members),
        "kept": sum(sizes[group] - len(copies_) for group, copies_ in members.items()),
        "dropped": {"documents": len(copies), "bytes": sum(copy.dropped.bytes for copy in copies)},
        "sizes": {str(n): count for n, count in sorted(Counter(sizes[group] for group in members).items())},
        "domains": [
            {"kept": kept, "dropped": dropped, "documents": documents, "bytes": size}
            for (kept, dropped), (documents, size) in sorted(domains.items(), key=lambda item: (-item[1][0], item[0]))
        ],
        "largest": [
            {
                "documents": sizes[group],
                "kept": members[group][0].kept.model_dump(),
                "dropped": [_row(copy) for copy in members[group][:3]],
            }
            for group in largest
        ],
        "least_alike": [{"kept": copy.kept.model_dump(), "dropped": _row(copy)} for copy in least if copy.jaccard < 1],
    }


def _row(copy: Copy) -> dict[str, Any]:
    return {**copy.dropped.model_dump(), "jaccard": round(copy.jaccard, 4)}
