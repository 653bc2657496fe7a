"""Drawing charts as inline SVG that fits any width.

Positions are percentages and everything else is in pixels: text, markers and strokes keep their size while the
plot takes the width it is given, so one drawing serves a phone and a laptop. Only polylines need a coordinate system
of their own; they lie in an inner SVG that is stretched, with strokes that are not.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from assay.interfaces.report.html import Content, Html, element
from assay.interfaces.report.wording import nice_step

#: Outlines of markers around (0, 0), in pixels; told apart without colour.
SHAPES = (
    "M-4.6,0a4.6,4.6 0 1 0 9.2,0a4.6,4.6 0 1 0 -9.2,0z",
    "M-4.2,-4.2h8.4v8.4h-8.4z",
    "M0,-5.4l5.2,9h-10.4z",
    "M0,-5.8l5.4,5.8l-5.4,5.8l-5.4,-5.8z",
    "M0,5.4l5.2,-9h-10.4z",
)
ARROW_LEFT, ARROW_RIGHT = "M0,0l7,-4.5v9z", "M0,0l-7,-4.5v9z"


@dataclass(frozen=True)
class Axis:
    """One direction of a plot: the values at its two ends."""

    low: float
    high: float
    log: bool = False

    def at(self, value: float) -> float:
        """Position in per cent of the length, from the low end; values outside lie on the nearer end."""
        value = min(max(value, self.low), self.high)
        if self.log:
            return 100 * math.log(value / self.low) / math.log(self.high / self.low)
        return 100 * (value - self.low) / (self.high - self.low)

    def ticks(self, count: int) -> list[float]:
        """Round values inside the axis, about so many."""
        step = nice_step(self.high - self.low, count)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [i * step for i in range(first, last + 1)]


def axis_around(values: Sequence[float], margin: float = 0.06, log: bool = False) -> Axis:
    """The axis that shows all values with some room on both sides."""
    low, high = min(values), max(values)
    if log:
        room = max((high / low) ** margin, 1.005)
        return Axis(low / room, high * room, log=True)
    room = margin * (high - low) or abs(high) * margin or 1.0
    return Axis(low - room, high + room)


def tick_digits(ticks: Sequence[float]) -> int:
    """Decimals that tell neighbouring ticks apart."""
    step = ticks[1] - ticks[0] if len(ticks) > 1 else abs(ticks[0] if ticks else 1.0) or 1.0
    return max(0, -math.floor(math.log10(step) + 1e-9))


def style_of(index: int, count: int) -> str:
    """Hue of a series, from blue by green to orange; the style sheet adds the lightness that suits the page."""
    return f"--h:{255 - 200 * index / max(1, count - 1):.0f}"


def place(x: float, y: float, *content: Content, **attributes: str | None) -> Html:
    """Content in pixels around a point given in per cent from the left and from the bottom."""
    return element("svg", content, x=f"{x:.2f}%", y=f"{100 - y:.2f}%", class_="at", **attributes)


def marker(shape: int, x: float, y: float, title: str, **attributes: str | None) -> Html:
    """One data point with its hover text."""
    return place(x, y, element("path", element("title", title), d=SHAPES[shape % len(SHAPES)], **attributes))


def line(x1: float, y1: float, x2: float, y2: float, title: str | None = None, **attributes: str | None) -> Html:
    """A straight line between points in per cent from the left and from the bottom."""
    inside = element("title", title) if title else None
    return element(
        "line", inside, x1=f"{x1:.2f}%", y1=f"{100 - y1:.2f}%", x2=f"{x2:.2f}%", y2=f"{100 - y2:.2f}%", **attributes
    )


def polyline(points: Iterable[tuple[float, float]], title: str, **attributes: str | None) -> Html:
    """A curve through points in per cent from the left and from the bottom, for the inside of `curves`."""
    path = " ".join(f"{10 * x:.1f},{1000 - 10 * y:.1f}" for x, y in points)
    return element("polyline", element("title", title), points=path, **attributes)


def curves(*lines: Content) -> Html:
    """The inner SVG that polylines lie in."""
    return element("svg", lines, viewBox="0 0 1000 1000", preserveAspectRatio="none", class_="lines")


def plot(
    *marks: Content,
    x_ticks: Iterable[tuple[float, str]],
    y_ticks: Iterable[tuple[float, str]],
    x_label: str,
    y_label: str,
    alt: str,
    height: int = 260,
    links: bool = False,
) -> Html:
    """A plot with axes, grid and labels.

    Args:
        marks: what is drawn, in per cent of width and height.
        x_ticks, y_ticks: position in per cent, and label.
        alt: what the plot shows, for people who do not see it.
        links: whether marks are links, which must stay reachable.
    """
    grid: list[Content] = [
        [
            line(0, y, 100, y, class_="grid"),
            element("text", text, x="0", y=f"{100 - y:.2f}%", dx="-7", dy="4", class_="y"),
        ]
        for y, text in y_ticks
    ]
    grid += [
        [line(x, 0, x, 100, class_="grid"), element("text", text, x=f"{x:.2f}%", y="100%", dy="18", class_="x")]
        for x, text in x_ticks
    ]
    return element(
        "div",
        element("div", y_label, class_="y-label"),
        element(
            "svg",
            grid,
            marks,
            width="100%",
            height=height,
            role="group" if links else "img",
            aria_label=alt,
            class_="frame",
        ),
        element("div", x_label, class_="x-label"),
        class_="plot",
    )


def legend(entries: Iterable[tuple[str, str, int, str | None]]) -> Html:
    """What markers stand for: (text, class, shape, style) each."""
    return element(
        "ul",
        [
            element(
                "li",
                element(
                    "svg",
                    element("path", d=SHAPES[shape % len(SHAPES)], class_=f"mark {kind}".strip()),
                    viewBox="-7 -7 14 14",
                    width=14,
                    height=14,
                    aria_hidden="true",
                ),
                text,
                style=style,
            )
            for text, kind, shape, style in entries
        ],
        class_="legend",
    )
