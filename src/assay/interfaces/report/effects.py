"""Charts of effects: every verdict, predictions against measurements, and effects by domain."""

from statistics import median
from typing import Any

from assay.interfaces.report import plot, wording
from assay.interfaces.report.html import Content, Html, element
from assay.interfaces.report.parts import (
    Facts,
    claim,
    css,
    details,
    figure,
    hover_runs,
    nothing,
    proposal_link,
    runs_of,
    table,
)
from assay.interfaces.report.plot import Axis

Row = dict[str, Any]


# --------------------------------------------------------------------------------------------------- verdicts


def verdicts(facts: Facts) -> Html:
    """A forest plot whose rows are laid out by the page, so that labels stay readable at any width."""
    title, text = (
        "Every verdict",
        (
            "Measured effect on bits per byte with its 95% interval, valid at any moment of looking; right of zero is "
            "better. Arrows mark intervals that go on beyond the axis, dotted lines those that are not bounded yet."
        ),
    )
    proposals = facts["proposals"]
    measured = [p for p in proposals if p["effect_percent"] is not None]
    if not proposals:
        return figure("verdicts", title, text, nothing("No proposal has been registered yet."))
    axis = effect_axis(measured)
    scale = element(
        "div",
        element("span"),
        element(
            "svg",
            [element("text", f"{label}%", x=f"{x:.2f}%", y=14, class_="x") for x, label in effect_ticks(axis, 5)],
            width="100%",
            height=20,
            aria_hidden="true",
        ),
        element("span"),
        class_="row scale",
    )
    rows = [_verdict_row(p, axis) for p in proposals]
    kinds = [d for d in ("supported", "refuted", "inconclusive") if any(p["decision"] == d for p in measured)]
    legend = plot.legend((d, css(d), _SHAPE_OF[d], None) for d in kinds)
    return figure("verdicts", title, text, legend, element("div", scale, rows, scale, class_="forest", role="list"))


_SHAPE_OF = {"supported": 0, "refuted": 3, "inconclusive": 1}


def effect_axis(proposals: list[Row]) -> Axis:
    """Room for most effects and intervals, all of those of what was supported, but not for a few that are far out."""
    effects = [p["effect_percent"] for p in proposals]
    if not effects:
        return Axis(-1.0, 1.0)
    ends = [(p["decision"], p[k]) for p in proposals for k in ("low_percent", "high_percent") if p[k] is not None]
    supported = [abs(end) for decision, end in ends if decision == "supported"]
    typical = median(abs(end) for _, end in ends) if ends else 0.0
    most = max(0.5, 6 * median(map(abs, effects)), 1.5 * typical, *supported)
    shown = [0.0, *effects, *(end for _, end in ends)]
    low, high = max(min(shown), -most), min(max(shown), most)
    room = 0.08 * (high - low) or 0.1
    return Axis(low - room, high + room)


def effect_ticks(axis: Axis, count: int) -> list[tuple[float, str]]:
    """Positions and labels of round effects, with their signs."""
    ticks = axis.ticks(count)
    digits = plot.tick_digits(ticks)
    return [(axis.at(t), f"{t:+.{digits}f}".replace("-", wording.MINUS) if t else "0") for t in ticks]


def _verdict_row(p: Row, axis: Axis) -> Html:
    decision, effect = p["decision"], p["effect_percent"]
    if effect is None:
        bar: Content = element("span", _why_no_effect(p), class_="none")
        said: Content = wording.UNKNOWN
    else:
        bar = element(
            "svg",
            _interval_marks(p, axis),
            width="100%",
            height=22,
            aria_hidden="true",
            class_=f"bar {css(decision)}",
        )
        said = claim(effect, p["low_percent"], p["high_percent"])
    what = element(
        "span", proposal_link(p["number"]), " ", wording.change(p["change"]), class_="what", title=p["hypothesis"]
    )
    return element("div", what, bar, element("span", said, class_="said"), class_="row", role="listitem")


def _why_no_effect(p: Row) -> str:
    if p["decision"] == "under test":
        return "under test"
    return p["reasons"][0] if p["reasons"] else "no complete pair"


def _interval_marks(p: Row, axis: Axis) -> list[Content]:
    """Zero line, interval, arrows where it goes on, and the point."""
    effect, low, high = p["effect_percent"], p["low_percent"], p["high_percent"]
    hover = (
        f"#{p['number']} {p['decision']}: {wording.percent(effect)}, 95% interval "
        f"{wording.percent_range(low, high)}, {wording.plural(p['pairs'], 'pair')} at {p['scale']}; "
        f"{hover_runs(runs_of(p))}"
    )
    start = 0.0 if low is None else axis.at(low)
    end = 100.0 if high is None else axis.at(high)
    open_ended = "interval-line open" if low is None or high is None else "interval-line"
    marks: list[Content] = [
        plot.line(axis.at(0), 0, axis.at(0), 100, class_="zero"),
        plot.line(start, 50, end, 50, hover, class_=open_ended),
    ]
    if low is None or low < axis.low:
        marks.append(plot.place(0, 50, element("path", d=plot.ARROW_LEFT, class_="arrow")))
    if high is None or high > axis.high:
        marks.append(plot.place(100, 50, element("path", d=plot.ARROW_RIGHT, class_="arrow")))
    outside = effect < axis.low or effect > axis.high
    if not outside:
        marks.append(plot.marker(_SHAPE_OF[p["decision"]], axis.at(effect), 50, hover, class_="mark"))
    return marks


# ------------------------------------------------------------------------------------------------- predictions


def predictions(facts: Facts) -> Html:
    title, text = (
        "Predicted and measured effects",
        (
            "Each proposal’s prediction, made before its runs (80% interval, sideways), against what was measured "
            "(95% interval, upright). On the diagonal a prediction came true; below it, it promised too much."
        ),
    )
    measured = [p for p in facts["proposals"] if p["effect_percent"] is not None]
    if not measured:
        return figure("predictions", title, text, nothing("No effect has been measured yet."))
    authors = sorted({p["author"] for p in measured})
    reach = effect_axis(measured)
    claims = [p[key] for p in measured for key in ("predicted_low", "predicted_percent", "predicted_high")]
    most = 2 * max(reach.high, -reach.low)
    axis = Axis(min(reach.low, max(min(claims), -most)), max(reach.high, min(max(claims), most)))
    marks: list[Content] = [
        plot.line(0, 0, 100, 100, class_="diagonal"),
        plot.line(axis.at(0), 0, axis.at(0), 100, class_="zero"),
        plot.line(0, axis.at(0), 100, axis.at(0), class_="zero"),
    ]
    for p in measured:
        index = authors.index(p["author"])
        x, y = axis.at(p["predicted_percent"]), axis.at(p["effect_percent"])
        hover = (
            f"#{p['number']} by {p['author']}: predicted {wording.percent(p['predicted_percent'])} "
            f"({wording.percent_range(p['predicted_low'], p['predicted_high'])}), measured "
            f"{wording.percent(p['effect_percent'])} ({wording.percent_range(p['low_percent'], p['high_percent'])}); "
            f"{hover_runs(runs_of(p))}"
        )
        whiskers: list[Content] = [
            plot.line(axis.at(p["predicted_low"]), y, axis.at(p["predicted_high"]), y, class_="whisker faint")
        ]
        if p["low_percent"] is not None and p["high_percent"] is not None:
            whiskers.append(
                plot.line(x, axis.at(p["low_percent"]), x, axis.at(p["high_percent"]), class_="whisker faint")
            )
        point = element(
            "a", plot.marker(index, x, y, hover, class_="mark"), href=f"#proposal-{p['number']}", aria_label=hover
        )
        marks.append(element("g", whiskers, point, style=plot.style_of(index, len(authors))))
    labels = effect_ticks(axis, 6)
    drawn = plot.plot(
        marks,
        x_ticks=labels,
        y_ticks=labels,
        x_label="predicted effect, %",
        y_label="measured effect, %",
        height=340,
        alt=f"Predicted against measured effects of {wording.plural(len(measured), 'proposal')}",
        links=True,
    )
    legend = plot.legend((a, "", i, plot.style_of(i, len(authors))) for i, a in enumerate(authors))
    numbers = table(
        "Predicted and measured effects",
        ["proposal", "author", "predicted", "80% interval", "measured", "95% interval"],
        [
            [
                proposal_link(p["number"]),
                p["author"],
                wording.percent(p["predicted_percent"]),
                wording.percent_range(p["predicted_low"], p["predicted_high"]),
                wording.percent(p["effect_percent"]),
                wording.percent_range(p["low_percent"], p["high_percent"]),
            ]
            for p in measured
        ],
        numeric=(2, 3, 4, 5),
    )
    return figure("predictions", title, text, legend, drawn, details("The numbers", numbers))


# ----------------------------------------------------------------------------------------------------- domains


def domains(facts: Facts) -> Html:
    """Effects of what was promoted on each domain, and the champions' losses there."""
    names = list(facts["lab"]["domains"])
    by_number = {p["number"]: p for p in facts["proposals"]}
    rows: list[list[Content]] = []
    for generation in facts["generations"]:
        if generation["proposal"] is None:
            continue
        evidence = next(e for e in by_number[generation["proposal"]]["evidence"] if e["stage"] == "confirm")
        effects = [wording.percent(evidence["domains_percent"].get(name)) for name in names]
        rows.append(
            [
                str(generation["number"]),
                proposal_link(generation["proposal"]),
                f"{evidence['scale']}, {len(evidence['pairs'])}",
                *effects,
            ]
        )
    losses = [
        [str(g["number"]), p["scale"], *(wording.score(p["domains"].get(name)) for name in names), str(len(p["runs"]))]
        for g in facts["generations"]
        for p in g["loss_compute"]
    ]
    last = len(names)
    return figure(
        "domains",
        "Effect by domain",
        "Where the promoted changes helped: paired differences at the confirmation scale, per cent of the champion’s "
        "bits per byte on that domain’s held-out text. No test was made for each domain, so read them as description.",
        table(
            "Paired effect of each promoted change",
            ["generation", "proposal", "scale, pairs", *names],
            rows,
            numeric=range(3, 3 + last),
        )
        if rows
        else nothing("Nothing has been promoted yet."),
        details(
            "Bits per byte of the champions by domain",
            table(
                "Champions' bits per byte by domain",
                ["generation", "scale", *names, "runs"],
                losses,
                numeric=range(2, 3 + last),
            ),
        )
        if losses
        else None,
    )
