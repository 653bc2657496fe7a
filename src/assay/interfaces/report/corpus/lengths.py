"""How long documents are, domain by domain."""

from assay.corpus.analysis.facts import CorpusFacts, DomainFacts
from assay.interfaces.report import wording
from assay.interfaces.report.corpus import bars
from assay.interfaces.report.corpus.quoting import quoted
from assay.interfaces.report.html import Html, element
from assay.interfaces.report.parts import figure, section
from assay.interfaces.report.plot import Axis

_TICKS = (
    (1, "1 B"),
    (10, "10 B"),
    (100, "100 B"),
    (1e3, "1 kB"),
    (1e4, "10 kB"),
    (1e5, "100 kB"),
    (1e6, "1 MB"),
    (1e7, "10 MB"),
)


def lengths(facts: CorpusFacts) -> Html:
    """A histogram a domain, all over one axis."""
    bins = facts.length_bins
    used = [i for domain in facts.domains for i, count in enumerate(domain.lengths.bars) if count]
    first, last = (min(used), max(used) + 1) if used else (0, 1)
    axis = Axis(bins[first], bins[last], log=True)
    ticks = bars.scale([(axis.at(value), text) for value, text in _TICKS if axis.low <= value <= axis.high])
    colours = bars.hues(domain.name for domain in facts.domains)
    rows = [
        bars.row(quoted(domain.name), _histogram(domain, bins, first, last, colours[domain.name]), _said(domain))
        for domain in facts.domains
    ]
    head = bars.row("", ticks, "median; 90% between", head=True)
    return section(
        "lengths",
        "Document lengths",
        figure(
            "length-histograms",
            "How long documents are",
            "Documents by bytes of text, two bars for each doubling. Each domain has a scale of its own for numbers.",
            bars.grid([head, *rows, bars.row("", ticks, "", head=True)], "Lengths by domain", "tall"),
        ),
    )


def _histogram(domain: DomainFacts, bins: tuple[int, ...], first: int, last: int, colour: str) -> Html:
    counts = domain.lengths.bars[first:last]
    most = max(counts) or 1
    titles = [
        f"{wording.size(bins[i])} to {wording.size(bins[i + 1])}: {wording.plural(count, 'document')}"
        for i, count in enumerate(counts, first)
    ]
    return bars.columns([count / most for count in counts], titles, f"Lengths of documents of {domain.name}", colour)


def _said(domain: DomainFacts) -> Html:
    quantiles = domain.lengths.quantiles
    return element(
        "span",
        element("b", wording.size(quantiles["0.5"])),
        element("span", f" {wording.size(quantiles['0.05'])} to {wording.size(quantiles['0.95'])}", class_="interval"),
    )
