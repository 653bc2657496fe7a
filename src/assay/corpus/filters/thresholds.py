"""Which thresholds a domain gets: the published ones, unless all rules together would remove too much of it.

Web rules throw away most of code and manuals, whose documents differ from web pages as a whole. So there is a limit on
what all rules together may remove of a domain. Where published thresholds exceed it, they are relaxed to quantiles of
the domain's own distributions: every rule is allowed the same number of documents, of bytes in proportion, and that
number is the largest with which all of them together stay within the limit. A rule then means "unlike the rest of its
domain". Nothing is ever made stricter than published. The values of all documents are kept, so that thresholds are
exact and the same for any number of shards.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from assay.corpus.filters.filter import Rule

Origin = Literal["published", "learned", "share", "by hand", "off"]

_NEVER = np.iinfo(np.int64).max
"""Allowance with which a rule removes a document that its published threshold keeps."""


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


def allowed(limit: float, amount: int) -> int:
    """The most documents or bytes that a share of so many comes to."""
    return int(limit * amount + 1e-9)  # 0.29 · 100 is 28.999…


def learn(
    rules: Sequence[Rule],
    values: Callable[[int], np.ndarray],
    sizes: np.ndarray,
    cut: np.ndarray,
    limit: float,
) -> list[Threshold]:
    """The thresholds of a domain's N documents with which R rules remove at most a share of documents and of bytes.

    Allowances are raised by one document for one rule after the other, in their order, as long as what all of them
    remove, with what edits take out, stays within the limit. So a higher limit removes no less.

    Args:
        rules: those that share the limit.
        values: (N,) the statistic of a rule, by its number.
        sizes: (N,) bytes of the documents.
        cut: (N,) bytes that edits take out of them. What is cut as a whole is gone in any case.
        limit: largest share of the documents, and of the bytes, that may go.
    """
    turn = np.full(len(sizes), _NEVER)  # the number of raises after which a document goes
    for number, rule in enumerate(rules):
        price = _prices(rule, values(number), sizes)
        goes = price < _NEVER
        turn[goes] = np.minimum(turn[goes], (price[goes] - 1) * len(rules) + number + 1)
    turn[(cut >= sizes) & (sizes > 0)] = 0
    last = _last_turn(turn, sizes - cut, allowed(limit, len(sizes)), allowed(limit, sizes.sum()) - int(cut.sum()))
    found = []
    for number, rule in enumerate(rules):
        allowance = _NEVER - 1 if last is None else last // len(rules) + (number < last % len(rules))
        measured = values(number)
        price = _prices(rule, measured, sizes)
        spared = measured[(price > allowance) & (price < _NEVER)]
        if len(spared):
            found.append(Threshold(float(spared.min() if rule.side == "least" else spared.max()), "learned"))
        else:
            found.append(Threshold(rule.threshold, "published"))
    return found


def _prices(rule: Rule, values: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """(N,) how many documents a rule must be allowed to remove for each of them to go; equal values go together.

    With an allowance of a documents, a rule removes at most a of them, and at most as many bytes as a documents have
    on average.
    """
    gone = np.flatnonzero(removes(rule, rule.threshold, values))
    worst = values[gone] if rule.side == "least" else -values[gone]
    order = np.argsort(worst, kind="stable")
    after = np.searchsorted(worst[order], worst[order], "right")
    size = np.cumsum(sizes[gone[order]])[after - 1]
    mean = max(float(sizes.mean()), 1.0) if len(sizes) else 1.0
    prices = np.full(len(values), _NEVER)
    prices[gone[order]] = np.maximum(after, np.ceil(size / mean).astype(np.int64))
    return prices


def _last_turn(turn: np.ndarray, sizes: np.ndarray, documents: int, size: int) -> int | None:
    """The last turn up to which so many documents and bytes go at most; None: all may that ever do."""
    goes = np.flatnonzero(turn < _NEVER)
    order = goes[np.argsort(turn[goes], kind="stable")]
    over = np.flatnonzero((np.arange(1, len(order) + 1) > documents) | (np.cumsum(sizes[order]) > size))
    return max(int(turn[order[over[0]]]) - 1, 0) if len(over) else None


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
