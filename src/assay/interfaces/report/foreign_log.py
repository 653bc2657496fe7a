"""The picture of an audited log: the staircase of what was kept, and how much of it is noise."""

import math

from assay.evidence.foreign_log import Change, LogAudit
from assay.evidence.tables import shorten
from assay.interfaces.report import plot
from assay.interfaces.report.html import Content
from assay.interfaces.report.picture import Panel, band, picture
from assay.interfaces.report.samples import labels


def draw(found: LogAudit, title: str) -> str:
    """An SVG document."""
    source = "assumed" if found.sigma_source == "assumption" else "from repeats in the log"
    text = (
        f"{found.n_tried} changes were tried and {len(found.changes)} kept; {len(found.standing)} of these stand "
        f"beyond noise, {len(found.standing_corrected)} when all that was tried is counted. One run's deviation: "
        f"{found.sigma:.3g} ({source}). The band is two deviations of a difference around what was kept last: inside "
        f"it a run says little."
    )
    values = [value for each in found.tried if each.kept for value in each.values]
    room = 2 * math.sqrt(2) * found.sigma
    spread = max(values) - min(values)
    axis = plot.axis_around(
        [min(values) - room, max(values) + room, *(v for v in _discarded(found) if _near(v, values, spread / 4))]
    )
    places = sum(len(each.values) for each in found.tried)
    order = plot.Axis(-0.02 * places, 1.02 * (places - 1))
    stairs = [each for each in found.tried if each.kept]
    steps: list[tuple[float, float]] = []
    for each, after in zip(stairs, [*stairs[1:], None], strict=True):
        end = after.place if after is not None else places - 1
        steps += [(each.place, each.value), (end, each.value)]
    marks: list[Content] = [
        plot.curves(
            band(
                [(order.at(x), axis.at(y - room), axis.at(y + room)) for x, y in steps], "within noise", class_="band"
            ),
            plot.polyline([(order.at(x), axis.at(y)) for x, y in steps], "kept", class_="curve faint"),
        )
    ]
    marks += [
        plot.marker(
            0,
            order.at(each.place),
            axis.at(value),
            f"{shorten(each.description or each.name)}: {value:.6g}",
            class_="mark faint",
        )
        for each in found.tried
        if not each.kept
        for value in each.values
    ]
    first = stairs[0]
    marks.append(
        plot.marker(0, order.at(first.place), axis.at(first.value), f"baseline: {first.value:.6g}", class_="mark")
    )
    for change in found.changes:
        kind, shape = _mark(change)
        what = shorten(change.description or change.name)
        hover = f"{what}: gain {change.gain:.3g}, z {change.z:.2f}, p {change.p_value:.2g}"
        marks.append(plot.marker(shape, order.at(change.place), axis.at(change.value), hover, class_=f"mark {kind}"))
    legend = [
        ("stands, corrected", "good", 0), ("stands alone", "unsure", 3), ("within noise", "bad", 1),
        ("not kept", "faint", 0), ("baseline", "", 0),
    ]  # fmt: skip
    ticks = [(order.at(tick), f"{tick:.0f}") for tick in order.ticks(8)]
    return picture(
        title, text, [Panel(marks, ticks, labels(axis, 6), "runs, in order", found.value_column, legend, 320)]
    )


def _discarded(found: LogAudit) -> list[float]:
    return [value for each in found.tried if not each.kept for value in each.values]


def _near(value: float, kept: list[float], room: float) -> bool:
    """Whether a value can be shown without hiding the rest; those far out lie on the edge."""
    return min(kept) - room <= value <= max(kept) + room


def _mark(change: Change) -> tuple[str, int]:
    """Class and shape of a kept change."""
    if change.stands_corrected:
        return "good", 0
    return ("unsure", 3) if change.stands else ("bad", 1)
