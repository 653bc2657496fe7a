"""Small charts that lie in rows of a table-like grid: shares, histograms and spreads, each as wide as it is given."""

from collections.abc import Iterable, Mapping, Sequence

from assay.interfaces.report import wording
from assay.interfaces.report.html import Content, Html, element
from assay.interfaces.report.plot import Axis, line


def hues(names: Iterable[str]) -> dict[str, str]:
    """A hue for each name, to which the style sheet adds the lightness that suits the page."""
    listed = list(names)
    return {name: f"--h:{(255 + 360 * i / max(1, len(listed))) % 360:.0f}" for i, name in enumerate(listed)}


def stacked(shares: Mapping[str, float], colours: Mapping[str, str], label: str) -> Html:
    """Parts of a whole side by side; hovering names them, and so does what is read aloud."""
    total = sum(shares.values()) or 1.0
    parts = [
        element(
            "span", title=f"{name}: {percent(share / total)}", style=f"width:{100 * share / total:.3f}%;{colours[name]}"
        )
        for name, share in shares.items()
        if share
    ]
    said = ", ".join(f"{name} {percent(share / total)}" for name, share in shares.items() if share)
    return element("div", parts, class_="stack-bar", role="img", aria_label=f"{label}: {said}")


def key(colours: Mapping[str, str], said: Mapping[str, str] | None = None) -> Html:
    """Which colour stands for what."""
    extra = said or {}
    return element(
        "ul",
        [
            element(
                "li",
                element("span", class_="swatch", style=colour),
                element("bdi", name),
                element("span", f" {extra[name]}", class_="count") if name in extra else None,
            )
            for name, colour in colours.items()
        ],
        class_="key",
    )


def share_bar(share: float, colour: str | None = None, title: str | None = None) -> Html:
    """A part of a whole as a bar in an empty track."""
    filled = element("span", style=f"width:{100 * share:.2f}%;{colour or ''}")
    return element("span", filled, class_="track", title=title)


def columns(heights: Sequence[float], titles: Sequence[str], label: str, colour: str | None = None) -> Html:
    """A histogram without axes: heights from 0 to 1."""
    width = 100 / max(1, len(heights))
    bars = [
        element(
            "rect",
            element("title", title),
            x=f"{i * width:.3f}%",
            y=f"{100 - 100 * max(height, 0.03):.2f}%",
            width=f"{width * 0.86:.3f}%",
            height=f"{100 * max(height, 0.03):.2f}%",
            rx=1,
        )
        for i, (height, title) in enumerate(zip(heights, titles, strict=True))
        if height
    ]
    return element(
        "svg",
        element("g", bars, class_="bars", style=colour or "--h:255"),
        width="100%",
        height="100%",
        role="img",
        aria_label=label,
        class_="bar",
    )


def spread(
    axis: Axis, quantiles: Mapping[str, float], limits: Iterable[tuple[float, str]], label: str, colour: str
) -> Html:
    """From the 5th to the 95th percentile a line, the middle half a thick one, the median a dot; limits are broken."""
    at = {name: axis.at(value) for name, value in quantiles.items()}
    marks: list[Content] = [
        line(axis.at(value), 0, axis.at(value), 100, said, class_="limit")
        for value, said in limits
        if axis.low <= value <= axis.high
    ]
    marks += [
        line(at["0.05"], 50, at["0.95"], 50, class_="spread-line"),
        line(at["0.25"], 50, at["0.75"], 50, class_="spread-box"),
        element("circle", cx=f"{at['0.5']:.2f}%", cy="50%", r="3.6", class_="spread-dot"),
    ]
    return element(
        "svg",
        element("title", label),
        element("g", marks, style=colour),
        width="100%",
        height=20,
        role="img",
        aria_label=label,
        class_="bar",
    )


def grid(rows: Iterable[Content], label: str, class_: str = "") -> Html:
    """Rows of name, chart and number."""
    return element("div", rows, class_=f"strips {class_}".strip(), role="list", aria_label=label)


def row(name: Content, chart: Content, said: Content, head: bool = False) -> Html:
    return element(
        "div",
        element("div", name, class_="name"),
        element("div", chart, class_="chart"),
        element("div", said, class_="said"),
        class_="strip head" if head else "strip",
        role=None if head else "listitem",
    )


def scale(ticks: Iterable[tuple[float, str]]) -> Html:
    """Labels along an axis, to stand above or below rows."""
    listed = list(ticks)

    def anchor(x: float) -> str | None:
        return "text-anchor:start" if x < 4 else "text-anchor:end" if x > 96 else None

    labels = [element("text", text, x=f"{x:.2f}%", y=13, class_="x", style=anchor(x)) for x, text in listed]
    return element("svg", labels, width="100%", height=18, aria_hidden="true", class_="bar")


def percent(share: float) -> str:
    """A share in per cent: with more decimals where it is small."""
    if not share:
        return "0%"
    if share < 0.00005:
        return "<0.01%"
    return f"{100 * share:.2f}%" if share < 0.01 else f"{100 * share:.1f}%"


def large(number: int) -> str:
    """A count with three digits: 950, 12,300, 10.4 M, 2.31 G."""
    for unit, factor in (("G", 1e9), ("M", 1e6)):
        if number >= factor:
            return f"{wording.significant(number / factor)} {unit}"
    return wording.significant(number) if number >= 10_000 else f"{number:,}"


def counted(documents: int, size: int) -> str:
    return f"{wording.plural(documents, 'document')}, {wording.size(size)}"
