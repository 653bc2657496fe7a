"""Which thresholds a domain gets: the published ones, unless a rule would remove too much of it.

Web rules throw away most of code and manuals, whose documents differ from web pages as a whole. Where a published
threshold would remove more than a share of a domain's documents, it is relaxed to the quantile of the domain's own
distribution at which just that share is removed, so that a rule always means "unlike the rest of its domain". Nothing
is ever made stricter than published. The values of all documents are kept, so that thresholds are exact and the same
for any number of shards.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from assay.corpus.filters.filter import Rule

Origin = Literal["published", "learned", "share", "by hand", "off"]


@dataclass(frozen=True)
class Threshold:
    """What a rule compares with in a domain.

    Attributes:
        value: the threshold; None: the rule is off.
        origin: where it comes from.
    """

    value: float | None
    origin: Origin


def removes(rule: Rule, threshold: float | None, values: np.ndarray) -> np.ndarray:
    """(N,) bool: which values a threshold removes. NaN is never removed."""
    if threshold is None:
        return np.zeros(len(values), bool)
    return values < threshold if rule.side == "least" else values > threshold


def learn(rule: Rule, values: np.ndarray, most_removed: float) -> Threshold:
    """The threshold of a rule in a domain; the published one where the share is less than one document.

    Args:
        rule: the rule.
        values: (N,) its statistic of every document of the domain.
        most_removed: the largest share of the documents that it may remove.
    """
    published = Threshold(rule.threshold, "published")
    removed = int(np.count_nonzero(removes(rule, rule.threshold, values)))
    allowed = int(most_removed * len(values))
    if not rule.learned or allowed == 0 or removed <= allowed:
        return published
    known = values[~np.isnan(values)]
    # As many values lie beyond the one that the threshold becomes as may be removed, or fewer where several are equal.
    place = allowed if rule.side == "least" else len(known) - 1 - allowed
    return Threshold(float(np.partition(known, place)[place]), "learned")


def best_share(rule: Rule, values: np.ndarray, sizes: np.ndarray) -> Threshold:
    """The threshold with which the best documents of a domain are kept, until they have `rule.share` of its bytes.

    Documents with equal values stay or go together.

    Args:
        values: (N,) the statistic of every document of the domain.
        sizes: (N,) their bytes.
    """
    assert rule.share is not None
    order = np.argsort(-values if rule.side == "least" else values, kind="stable")
    before = np.cumsum(sizes[order]) - sizes[order]
    last = int(np.searchsorted(before, rule.share * sizes.sum(), side="left")) - 1
    return Threshold(float(values[order[max(last, 0)]]), "share") if len(values) else Threshold(None, "share")
