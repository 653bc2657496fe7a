"""Pictures that stand alone: one SVG file of one or more plots, for pages, slides and documents.

Drawn with the functions of `plot`, positions in per cent. Where a page's style sheet gives marks their colour by
variables, a file names plain colours, because many programs that show SVG know nothing else.
"""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.interfaces.report.html import Content, Html, element
from assay.interfaces.report.plot import SHAPES, line, place
from assay.interfaces.report.replaced import check_replaced
from assay.spec.errors import UserError
from assay.training.files import replace_file

WIDTH = 760
_LEFT, _RIGHT, _LINE = 74, 26, 19
_LETTERS = 104  # of explaining text in a line

#: Classes of marks, lines, bands and curves, by meaning: `class_="mark good"`.
STYLE = """
svg { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", Arial, sans-serif; overflow: visible; }
.page { fill: #fbfaf8; }
text { fill: #5a626c; } text.title { fill: #1a1d21; font-size: 17px; font-weight: 600; }
text.x, text.x-name { text-anchor: middle; } text.y { text-anchor: end; }
.grid { stroke: #e4e2dd; } .zero { stroke: #5a626c; opacity: .6; }
.margin { stroke: #1d5fb8; stroke-width: 1.5; stroke-dasharray: 6 4; }
.interval, .curve, .whisker { stroke: #1d5fb8; stroke-width: 2.4; fill: none; vector-effect: non-scaling-stroke; }
.whisker { stroke-width: 1.4; opacity: .5; } .band { fill: #1d5fb8; opacity: .13; stroke: none; }
.good { stroke: #0b7a4b; } .bad { stroke: #b3261e; } .unsure { stroke: #b58900; } .faint { stroke: #a9aeb5; }
.second { stroke: #b35c00; } .mark { stroke: #fbfaf8; stroke-width: 1.2; fill: #1d5fb8; }
.mark.good { fill: #0b7a4b; } .mark.bad { fill: #b3261e; } .mark.unsure { fill: #b58900; }
.mark.faint { fill: #a9aeb5; } .mark.second { fill: #b35c00; }
@media (prefers-color-scheme: dark) {
  .page { fill: #101317; } text { fill: #9aa3ae; } text.title { fill: #e7e9ec; }
  .grid { stroke: #2b3138; } .zero { stroke: #9aa3ae; }
  .margin, .interval, .curve, .whisker { stroke: #86b4ff; } .band { fill: #86b4ff; stroke: none; }
  .good { stroke: #56d196; } .bad { stroke: #ff958b; } .unsure { stroke: #e3c160; } .faint { stroke: #5d656e; }
  .second { stroke: #ffb066; } .mark { stroke: #101317; fill: #86b4ff; }
  .mark.good { fill: #56d196; } .mark.bad { fill: #ff958b; } .mark.unsure { fill: #e3c160; }
  .mark.faint { fill: #5d656e; } .mark.second { fill: #ffb066; }
}
"""


@dataclass(frozen=True)
class Panel:
    """One plot of a picture."""

    marks: Content
    """What is drawn, in per cent of width and height."""
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]
    """Position in per cent, and label."""
    x_label: str
    y_label: str
    legend: Sequence[tuple[str, str, int]] = ()
    """What markers stand for: text, class and shape each."""
    height: int = 260


def picture(title: str, text: str, panels: Sequence[Panel]) -> str:
    """An SVG document: a heading, some sentences on how to read it, and plots below each other."""
    lines = textwrap.wrap(text, _LETTERS)
    drawn: list[Content] = [element("text", title, x=_LEFT - 50, y=32, class_="title")]
    drawn += [element("text", said, x=_LEFT - 50, y=54 + _LINE * i) for i, said in enumerate(lines)]
    y = 54 + _LINE * len(lines)
    for panel in panels:
        part, height = _panel(panel, y)
        drawn.append(part)
        y += height
    document = element(
        "svg",
        element("title", title),
        element("desc", text),
        element("style", Html(STYLE)),
        element("rect", width=WIDTH, height=y, class_="page"),
        drawn,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {y}",
        width=WIDTH,
        height=y,
        role="img",
    )
    return f"{document}\n"


def _panel(panel: Panel, top: int) -> tuple[Html, int]:
    """The drawing of one plot whose upper edge is at `top`, and its height with labels."""
    legend: list[Content] = []
    x = _LEFT
    for text, kind, shape in panel.legend:
        mark = element("path", d=SHAPES[shape % len(SHAPES)], class_=f"mark {kind}".strip())
        legend.append(element("svg", mark, x=x, y=top + 8, width=1, height=1))
        legend.append(element("text", text, x=x + 10, y=top + 12))
        x += 34 + 7 * len(text)
    start = top + (54 if panel.legend else 30)
    grid: list[Content] = [
        [line(0, y, 100, y, class_="grid"), element("text", said, x=-8, y=f"{100 - y:.2f}%", dy=4, class_="y")]
        for y, said in panel.y_ticks
    ]
    grid += [
        [line(x, 0, x, 100, class_="grid"), place(x, 0, element("text", said, y=18, class_="x"))]
        for x, said in panel.x_ticks
    ]
    frame = element("svg", grid, panel.marks, x=_LEFT, y=start, width=WIDTH - _LEFT - _RIGHT, height=panel.height)
    names = [
        element("text", panel.y_label, x=_LEFT - 50, y=start - 12),
        element(
            "text",
            panel.x_label,
            x=(_LEFT + WIDTH - _RIGHT) // 2,
            y=start + panel.height + 38,
            class_="x-name",
        ),
    ]
    return element("g", legend, names, frame), start + panel.height + 60 - top


def band(points: Iterable[tuple[float, float, float]], title: str, **attributes: str | None) -> Html:
    """An area between two curves, given as (x, low, high) in per cent, for the inside of `plot.curves`."""
    places = list(points)
    edge = [(x, high) for x, _, high in places] + [(x, low) for x, low, _ in reversed(places)]
    path = " ".join(f"{10 * x:.1f},{1000 - 10 * y:.1f}" for x, y in edge)
    return element("polygon", element("title", title), points=path, **attributes)


def write_picture(path: Path, document: str) -> None:
    """Write a picture; what was there before stays until the new one is complete.

    Raises:
        UserError: as `check_picture`, or the disk is full.
    """
    check_picture(path)
    replace_file(path, document.encode())


def check_picture(path: Path) -> None:
    """Raise `UserError` if the path is a folder, or its folder is missing; to be called before long work."""
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a file for the picture")
    if not path.absolute().parent.is_dir():
        raise UserError(f"{path}: there is no folder {path.parent}; make it first")
    check_replaced(path, b"<svg", "picture")
