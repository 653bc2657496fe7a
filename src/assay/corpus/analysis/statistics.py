"""What the filters' statistics are over a sample, domain by domain, against the thresholds of their rules."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from assay.corpus.analysis.excerpts import excerpt
from assay.corpus.analysis.facts import SampleAt, Spread, Statistic, StepFacts, Threshold
from assay.corpus.analysis.sample import Sampled
from assay.corpus.filters.filter import Filter, Rule
from assay.corpus.filters.parsed import LONGEST, chunks
from assay.corpus.texts import Texts
from assay.spec.base import Frozen
from assay.spec.cleaning import FILTERS
from assay.spec.errors import UserError
from assay.spec.registry import load, names

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
#: Filters that every text is measured by.
COMMON = (*FILTERS, "language")
QUALITY = "quality"
#: Where samples are taken.
SHOWN_AT = (0.01, 0.25, 0.5, 0.75, 0.99)


def statistics(
    sample: Sequence[Sampled], texts: Texts, steps: Sequence[StepFacts], classifier: Path | None = None
) -> tuple[Statistic, ...]:
    """Of the common filters and of those that steps used, over the documents of a sample.

    Args:
        texts: theirs.
        steps: on the way here; a filter measures with the options and thresholds that it was last used with.
        classifier: folder of a classifier of quality, whose scores are one more statistic.

    Raises:
        UserError: the classifier cannot be read.
    """
    domains = np.array([each.domain for each in sample])
    found: list[Statistic] = []
    for each, own, used in _filters(steps, classifier):
        try:
            values = _values(each, texts)
            for domain, other in own.items():
                rows = np.flatnonzero(domains == domain)
                for name, part in _values(other, texts.take(rows)).items() if len(rows) else ():
                    values[name][rows] = part
        except UserError:
            if each.name == QUALITY and classifier:
                raise
            continue  # a file that a step used is no longer there
        for name, measured in values.items():
            rules = [rule for rule in each.rules if rule.statistic == name]
            found.append(_statistic(each.name, name, measured, rules, sample, domains, used))
    return tuple(found)


def _values(each: Filter, texts: Texts) -> dict[str, np.ndarray]:
    """(N,) every statistic of a filter."""
    values: dict[str, list[np.ndarray]] = {}
    for _, parsed in chunks(texts, LONGEST):
        for name, part in each.measure(parsed).items():
            values.setdefault(name, []).append(part.astype(np.float64))
    return {name: np.concatenate(parts) for name, parts in values.items()}


def _filters(
    steps: Sequence[StepFacts], classifier: Path | None
) -> Iterator[tuple[Filter, dict[str, Filter], StepFacts | None]]:
    """Filters that measure, each with the same filter in domains with options of their own, and its last step."""
    last = {name: step for step in steps if step.account.step == "clean" for name in step.parameters.get("filters", ())}
    for name in names("corpus_filter"):
        used = last.get(name)
        given: dict[str, dict[str, Any]] = used.parameters.get("options", {}) if used else {}
        options = given.get(name, {})
        if name == QUALITY and classifier:
            options = {**options, "classifier": str(classifier)}
        if used or name in COMMON or (name == QUALITY and classifier):
            kind: type[Frozen] = load("corpus_filter", name)
            made: Any = kind.parse(options, f"options of filter '{name}'")
            own = {
                domain: kind.parse({**options, **given[key]}, f"options of filter '{key}'")
                for key in given
                for domain, colon, which in [key.rpartition(":")]
                if colon and which == name
            }
            if made.rules:
                yield made, own, used  # pyright: ignore[reportReturnType]


def _statistic(
    name: str,
    statistic: str,
    values: np.ndarray,
    rules: Sequence[Rule],
    sample: Sequence[Sampled],
    domains: np.ndarray,
    used: StepFacts | None,
) -> Statistic:
    thresholds = [
        Threshold(
            rule=rule.name, side=rule.side, published=None if rule.share else rule.threshold,
            used=_used(used, f"{name}.{rule.name}"),
        )
        for rule in rules
    ]  # fmt: skip
    spreads: dict[str, Spread] = {}
    for domain in sorted(set(domains.tolist())):
        mine = values[(domains == domain) & ~np.isnan(values)]
        if len(mine):
            quantiles = np.quantile(mine, QUANTILES, method="inverted_cdf").tolist()
            spreads[domain] = Spread(
                documents=len(mine),
                quantiles=dict(zip(map(str, QUANTILES), quantiles, strict=True)),
                beyond={each.rule: _beyond(mine, each, domain) for each in thresholds},
            )
    return Statistic(
        filter=name, name=statistic, thresholds=tuple(thresholds), domains=spreads, samples=_samples(values, sample)
    )


def _beyond(values: np.ndarray, threshold: Threshold, domain: str) -> float:
    limit = threshold.at(domain)
    if limit is None:
        return 0.0
    return float((values < limit if threshold.side == "least" else values > limit).mean())


def _used(step: StepFacts | None, rule: str) -> dict[str, float | None]:
    """The thresholds that a step used, by domain; None where the rule was off."""
    rows = step.report.get("rules", ()) if step else ()
    return {row["domain"]: row["used"] for row in rows if row["rule"] == rule}


def _samples(values: np.ndarray, sample: Sequence[Sampled]) -> tuple[SampleAt, ...]:
    """The documents at some quantiles, each value once."""
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return ()
    order = known[np.argsort(values[known], kind="stable")]
    found: dict[float, SampleAt] = {}
    for quantile in SHOWN_AT:
        place = int(order[min(len(order) - 1, int(quantile * len(order)))])
        each, value = sample[place], float(values[place])
        found.setdefault(
            value,
            SampleAt(id=each.id, domain=each.domain, excerpt=excerpt(each.text), quantile=quantile, value=value),
        )
    return tuple(found.values())
