"""How the statistics of the filters, and scores of classifiers, are spread over the domains, with samples."""

import math
from collections.abc import Mapping

from assay.corpus.analysis.facts import CorpusFacts, Spread, Statistic, Threshold
from assay.interfaces.report import wording
from assay.interfaces.report.corpus import bars
from assay.interfaces.report.corpus.quoting import document, quoted
from assay.interfaces.report.html import Content, Html, element
from assay.interfaces.report.parts import details, nothing, section
from assay.interfaces.report.plot import Axis, tick_digits

#: From here on an axis of a statistic is logarithmic: largest over least of what is drawn.
_WIDE = 50


def quality(facts: CorpusFacts) -> Html:
    """One block a statistic; the filters' are folded away one filter at a time."""
    if not facts.statistics:
        return section("quality", "Quality", nothing("There is no filter that measures, or no document to measure."))
    text = (
        "What each filter measures, over the documents of the sample: a line from the 5th to the 95th percentile, "
        "thick for the middle half, a dot for the median. Broken lines are thresholds, as published or as a step here "
        "learned them for a domain; on the right, how many of the domain’s documents lie beyond them."
    )
    colours = bars.hues(domain.name for domain in facts.domains)
    filters: dict[str, list[Statistic]] = {}
    for each in facts.statistics:
        filters.setdefault(each.filter, []).append(each)
    blocks = [
        details(
            [element("b", name), f" · {wording.plural(len(found), 'statistic')}", _worst(found)],
            [_statistic(each, facts, colours) for each in found],
            class_="filter",
            open="" if number == 0 else None,
        )
        for number, (name, found) in enumerate(filters.items())
    ]
    return section("quality", "Quality", element("p", text), blocks)


def _worst(found: list[Statistic]) -> str:
    """The domain of which a filter's rule would remove most."""
    beyond = [
        (share, domain, rule)
        for each in found
        for domain, spread in each.domains.items()
        for rule, share in spread.beyond.items()
    ]
    if not beyond:
        return ""
    share, domain, rule = max(beyond)
    return f" · most beyond a threshold: {bars.percent(share)} of {domain} ({rule})" if share else ""


def _statistic(each: Statistic, facts: CorpusFacts, colours: Mapping[str, str]) -> Html:
    axis = _axis(each)
    rows = [
        bars.row(
            quoted(domain.name),
            bars.spread(
                axis,
                spread.quantiles,
                _limits(each.thresholds, domain.name),
                _told(domain.name, spread),
                colours[domain.name],
            ),
            _said(spread),
        )
        for domain in facts.domains
        if (spread := each.domains.get(domain.name))
    ]
    head = bars.row("", bars.scale(_ticks(axis)), "median · beyond", head=True)
    rules = ", ".join(map(_rule, each.thresholds))
    shown = [
        document(sample, f" · {_ordinal(sample.quantile)} percentile: {wording.significant(sample.value)}")
        for sample in each.samples
    ]
    return element(
        "div",
        element("h4", each.name.replace("_", " ")),
        element("p", element("code", rules), class_="aside") if rules else None,
        bars.grid([head, *rows], f"{each.filter} {each.name} by domain"),
        details("Documents at quantiles", shown) if shown else None,
        class_="statistic",
    )


def _axis(each: Statistic) -> Axis:
    ends = [spread.quantiles[name] for spread in each.domains.values() for name in ("0.05", "0.95")]
    limits = [
        limit for rule in each.thresholds for domain in each.domains for limit in [rule.at(domain)] if limit is not None
    ]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    near = [value for value in limits if low - (high - low) <= value <= high + (high - low)]
    low, high = min([low, *near]), max([high, *near])
    if low > 0 and high / low > _WIDE:
        return Axis(low / 1.2, high * 1.2, log=True)
    room = 0.04 * (high - low) or 0.5
    return Axis(low - room if low else 0.0, high + room)


def _ticks(axis: Axis) -> list[tuple[float, str]]:
    if not axis.log:
        values = axis.ticks(4)
        return [(axis.at(value), f"{value:,.{tick_digits(values)}f}") for value in values]
    powers = range(math.ceil(math.log10(axis.low)), math.floor(math.log10(axis.high)) + 1)
    return [(axis.at(10.0**power), wording.significant(10.0**power, 1)) for power in powers]


def _limits(thresholds: tuple[Threshold, ...], domain: str) -> list[tuple[float, str]]:
    return [
        (limit, f"{rule.rule}: at {rule.side} {limit:g}")
        for rule in thresholds
        if (limit := rule.at(domain)) is not None
    ]


def _rule(rule: Threshold) -> str:
    if rule.published is None:
        return f"{rule.rule}: the best of each domain"
    return f"{rule.rule}: at {rule.side} {wording.significant(rule.published)}"


def _told(domain: str, spread: Spread) -> str:
    said = ", ".join(f"{float(name):.0%} {wording.significant(value)}" for name, value in spread.quantiles.items())
    return f"{domain}, {wording.plural(spread.documents, 'document')}: {said}"


def _said(spread: Spread) -> list[Content]:
    beyond = sum(spread.beyond.values())
    many = element("b", bars.percent(min(1.0, beyond))) if beyond > 0.2 else bars.percent(min(1.0, beyond))
    return [
        wording.significant(spread.quantiles["0.5"]),
        element("span", [" · ", many if spread.beyond else wording.UNKNOWN], class_="beyond"),
    ]


def _ordinal(quantile: float) -> str:
    number = round(100 * quantile)
    return f"{number}{'th' if 10 < number < 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
