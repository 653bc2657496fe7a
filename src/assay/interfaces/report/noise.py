"""A calibration's noise: the report's section, and a picture of its own."""

from collections.abc import Sequence

from assay.interfaces.report.html import Html, element
from assay.interfaces.report.parts import Facts, section, table
from assay.interfaces.report.picture import Panel, picture
from assay.interfaces.report.plot import Axis, line, marker
from assay.interfaces.report.wording import nice_step
from assay.spec.calibration import Calibration, Estimate

SOURCES = {
    "repeat": "nondeterminism, same seeds", "initialisation": "initialisation", "data order": "data order",
    "interaction": "both together", "evaluation": "of it by the held-out documents", "total": "all of it",
}  # fmt: skip


def draw(found: Calibration) -> str:
    """A calibration as an SVG document: parts of one run's noise, pairs, and what reduces them."""
    parts = [
        (SOURCES[c.source] if c.scale == found.scale else f"all of it at {c.scale}", c.deviation)
        for c in found.components
        if c.source != "repeat" or c.deviation.value
    ]
    pairs = [(", ".join(f"{k.rpartition('.')[2]} = {_short(v)}" for k, v in p.change.items()), p.deviation)
             for p in found.paired]  # fmt: skip
    remedies = [(r.name, r.ratio) for r in found.remedies]
    panels = [
        _panel(parts, "deviation of one run's score, per cent", "", 0.0),
        _panel(pairs, "deviation of a pair's difference, per cent", "", 0.0),
        _panel(remedies, "deviation of pairs with it over that without it", "unsure", 1.0),
    ]
    return picture(
        f"Noise at '{found.scale}'",
        f"Champion {found.recipe}, {found.rounds} rounds, {len(found.runs)} runs. Bars are 95% intervals; an open end "
        f"is not bounded by the data.",
        [panel for panel in panels if panel is not None],
    )


def _short(value: object) -> str:
    return "equal parts" if isinstance(value, dict) else f"{value:g}" if isinstance(value, float) else str(value)


def _panel(rows: Sequence[tuple[str, Estimate]], label: str, kind: str, mark: float) -> Panel | None:
    """Horizontal intervals, one a row, the name above each."""
    if not rows:
        return None
    # An interval may be many times as long as what it is about; the axis then ends before it does.
    most = max([mark, *(min(e.high or e.value, 4 * e.value) for _, e in rows)]) * 1.08 or 1.0
    axis = Axis(0.0, most)
    step = nice_step(most, 6)
    marks: list[Html] = []
    if mark:
        marks.append(line(axis.at(mark), 0, axis.at(mark), 100, class_="margin"))
    for i, (name, estimate) in enumerate(rows):
        y = 100 * (len(rows) - i - 0.68) / len(rows)
        low = axis.at(estimate.low or 0.0)
        high = axis.at(estimate.high if estimate.high is not None else most)
        title = f"{name}: {estimate.value:.3g} [{_end(estimate.low)}, {_end(estimate.high)}]"
        marks += [
            line(low, y, high, y, title, class_=f"interval {kind}".strip()),
            marker(0, axis.at(estimate.value), y, title, class_=f"mark {kind}".strip()),
            element("text", f"{name}: {estimate.value:.2f}", x="1%", y=f"{100 - y:.2f}%", dy="-9"),
        ]
    ticks = [(axis.at(i * step), f"{i * step:g}") for i in range(int(most / step) + 1)]
    return Panel(marks, ticks, [], label, "", height=34 * len(rows) + 10)


def _end(value: float | None) -> str:
    return "?" if value is None else f"{value:.3g}"


def noise(facts: Facts) -> Html | None:
    """The report's section on noise; None where the lab was not calibrated."""
    if facts.get("noise") is None:
        return None
    found = Calibration.parse(facts["noise"]["calibration"], "the calibration")
    stale = facts["noise"]["stale"]

    def interval(estimate: Estimate | None, unit: str = "%") -> str:
        if estimate is None:
            return "unknown"
        return f"{estimate.value:.2f}{unit} [{_end(estimate.low)}, {_end(estimate.high)}]"

    parts = [
        (
            SOURCES[c.source],
            c.scale,
            f"none seen in {c.runs} repeats"
            if c.source == "repeat" and not c.deviation.value
            else interval(c.deviation),
            str(c.runs),
        )
        for c in found.components
    ]
    pairs = [
        (", ".join(f"{key} = {_short(value)}" for key, value in p.change.items()), p.kind, interval(p.deviation),
         interval(p.correlation, ""))
        for p in found.paired
    ]  # fmt: skip
    remedies = [
        (r.name, interval(r.ratio, "×"), interval(r.signal, "×") if r.signal else "no effect is clear",
         interval(r.effect_percent) if r.effect_percent else "")
        for r in found.remedies
    ]  # fmt: skip
    return section(
        "noise",
        "Noise",
        element(
            "p",
            f"Measured by {len(found.runs)} runs of {found.recipe} at '{found.scale}' apart from all tests. Deviations "
            f"are in per cent of the score, with 95% intervals.",
        ),
        element("p", stale, class_="nothing") if stale else None,
        table("Parts of one run’s noise", ("part", "scale", "deviation", "runs"), parts, numeric=(3,)),
        table(
            "A pair’s difference, both seeds shared",
            ("change", "kind", "deviation", "correlation of the arms"),
            pairs,
        ),
        table(
            "What would reduce it",
            ("remedy", "deviation of pairs, with over without", "effect over deviation", "effect on the score"),
            remedies,
        ),
    )
