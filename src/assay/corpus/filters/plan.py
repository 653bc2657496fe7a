"""What cleaning learned and decided: in each domain, thresholds, edits, and what every rule removes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from assay.corpus.filters.filter import Filter, Rule
from assay.corpus.filters.thresholds import Threshold
from assay.spec.cleaning import Cleaning


def named_rules(filters: Sequence[Filter]) -> list[tuple[str, str, Rule]]:
    """Every rule in the order of use: its name and its statistic's, both with the filter's in front."""
    return [(f"{one.name}.{rule.name}", f"{one.name}.{rule.statistic}", rule) for one in filters for rule in one.rules]


@dataclass(frozen=True)
class Tried:
    """A rule in a domain: its threshold, and the documents that it would remove if it were the only one.

    Attributes:
        published: share of the domain's documents that the published threshold would remove.
        documents: that the threshold removes.
        bytes: of those documents.
    """

    threshold: Threshold
    published: float
    documents: int
    bytes: int


@dataclass(frozen=True)
class Plan:
    """What the surveys led to.

    Attributes:
        domains: names, in the order in which they were met.
        documents: of each domain.
        shares: of a domain's bytes that each edit would take away, by filter, (domains, edits); where it was measured.
        switches: which edits are on, by filter, (domains, edits) bool.
        rules: what each rule does, by domain and `FILTER.RULE`.
        verdicts: file of (documents,) int16, one more than the number of the rule that removes each; 0: it stays.
        values: file of (documents,) float64, the statistic that rule looked at.
    """

    domains: list[str] = field(default_factory=list)
    documents: list[int] = field(default_factory=list)
    shares: dict[str, np.ndarray] = field(default_factory=dict)
    switches: dict[str, np.ndarray] = field(default_factory=dict)
    rules: dict[str, dict[str, Tried]] = field(default_factory=dict)
    verdicts: Path | None = None
    values: Path | None = None

    def share(self, name: str, row: int, column: int) -> float | None:
        """What an edit would take of a domain's bytes; None where that was not measured."""
        return round(float(self.shares[name][row, column]), 6) if name in self.shares else None

    def report(self, filters: Sequence[Filter], settings: Cleaning) -> dict[str, Any]:
        """JSON data about rules and edits in every domain."""
        return {
            "rules": [
                {
                    "domain": domain, "rule": name, "statistic": rule.statistic, "side": rule.side,
                    "published": rule.threshold, "used": tried.threshold.value, "origin": tried.threshold.origin,
                    "published_would_remove": round(tried.published, 6),
                    "removes": {"documents": tried.documents, "bytes": tried.bytes},
                }
                for domain in self.domains
                for name, _, rule in named_rules(filters)
                for tried in [self.rules[domain][name]]
            ],
            "edits": [
                {
                    "domain": domain, "rule": f"{each.name}.{which.name}",
                    "on": bool(self.switches[each.name][row, column]), "would_take": self.share(each.name, row, column),
                }
                for row, domain in enumerate(self.domains)
                for each in filters
                for column, which in enumerate(each.edits)
            ],
            "too_few_to_learn": [
                domain for domain, count in zip(self.domains, self.documents, strict=True)
                if settings.learn and count * settings.most_removed < 1
            ],
        }  # fmt: skip
