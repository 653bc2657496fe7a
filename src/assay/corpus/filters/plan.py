"""What cleaning learned and decided: in each domain, thresholds, edits, and what every rule removes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.corpus.filters.chains import Chains
from assay.corpus.filters.thresholds import Threshold, allowed
from assay.spec.cleaning import Cleaning


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
class Together:
    """All rules of a domain.

    Attributes:
        documents, bytes: of the domain.
        published: documents that published thresholds would remove.
        removed: documents that go.
        removed_bytes: of those.
        cut: bytes that learned edits take out of the domain, at most.
    """

    documents: int
    bytes: int
    published: int
    removed: int
    removed_bytes: int
    cut: int


@dataclass(frozen=True)
class Plan:
    """What the surveys led to.

    Attributes:
        domains: names, in the order in which they were met.
        shares: of a domain's bytes that each learned edit would take away, by domain and `FILTER.EDIT`.
        on: the learned edits that are on, by domain; where nothing was learned, all are.
        cut: file of (documents,) int64, bytes that the edits that are on take out of each, at most.
        rules: what each rule does, by domain and `FILTER.RULE`.
        together: what all of them do, by domain.
        verdicts: file of (documents,) int16, one more than the number of the rule that removes each; 0: it stays.
        values: file of (documents,) float64, the statistic that rule looked at.
    """

    domains: list[str] = field(default_factory=list)
    shares: dict[str, dict[str, float]] = field(default_factory=dict)
    on: dict[str, set[str]] = field(default_factory=dict)
    cut: Path | None = None
    rules: dict[str, dict[str, Tried]] = field(default_factory=dict)
    together: dict[str, Together] = field(default_factory=dict)
    verdicts: Path | None = None
    values: Path | None = None

    def switched_on(self, domain: str, name: str, learned: bool, settings: Cleaning) -> bool:
        """Whether an edit, `FILTER.EDIT`, is made in a domain."""
        if settings.by_hand(domain, name):
            return False
        return not learned or domain not in self.on or name in self.on[domain]

    def report(self, chains: Chains, settings: Cleaning) -> dict[str, Any]:
        """JSON data about rules and edits in every domain."""
        learned = any(each.learned for one in chains.common for each in (*one.rules, *one.edits))
        limit = settings.limit if settings.learn and learned else None
        return {
            "limit": limit,
            "domains": [_domain(domain, self.together[domain], limit) for domain in self.domains],
            "rules": [
                {
                    "domain": domain, "rule": name, "statistic": rule.statistic, "side": rule.side,
                    "published": rule.threshold, "used": tried.threshold.value, "origin": tried.threshold.origin,
                    "published_would_remove": round(tried.published, 6),
                    "removes": {"documents": tried.documents, "bytes": tried.bytes},
                    "share": _share(tried.documents, self.together[domain].documents),
                }
                for domain in self.domains
                for name, _, rule in chains.rules(domain)
                for tried in [self.rules[domain][name]]
            ],
            "edits": [
                {
                    "domain": domain, "rule": name, "on": self.switched_on(domain, name, which.learned, settings),
                    "would_take": self.shares.get(domain, {}).get(name),
                }
                for domain in self.domains
                for each in chains.of(domain)
                for which in each.edits
                for name in [f"{each.name}.{which.name}"]
            ],
            "too_few_to_remove_any": [
                domain for domain in self.domains
                if limit is not None and allowed(limit, self.together[domain].documents) == 0
            ],
        }  # fmt: skip


def _domain(name: str, all_rules: Together, limit: float | None) -> dict[str, Any]:
    documents, size = all_rules.documents, all_rules.bytes
    return {
        "domain": name, "documents": documents, "bytes": size,
        "may_go": None
        if limit is None
        else {"documents": allowed(limit, documents), "bytes": allowed(limit, size)},
        "published_would_remove": _share(all_rules.published, documents),
        "removes": {"documents": all_rules.removed, "bytes": all_rules.removed_bytes},
        "share": _share(all_rules.removed, documents),
        "lines_take_at_most": _share(all_rules.cut, size),
    }  # fmt: skip


def _share(some: int, whole: int) -> float:
    return round(some / max(whole, 1), 6)
