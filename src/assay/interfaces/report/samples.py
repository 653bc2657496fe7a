"""The picture of a comparison of two tables: the runs, the effect with its interval, and the way there."""

from collections.abc import Sequence

from assay.evidence.samples import Comparison
from assay.interfaces.report import plot, wording
from assay.interfaces.report.html import Content
from assay.interfaces.report.picture import Panel, band, picture

_MOST_DOTS = 400
_MOST_STEPS = 500
_KIND = {"supported": "good", "refuted": "bad", "inconclusive": "unsure"}
_PROMISE = {"fixed": "Its interval is for this one look.", "sequential": "Its interval holds at any time of looking."}


def draw(found: Comparison, name_a: str, name_b: str) -> str:
    """An SVG document.

    Args:
        found: the comparison.
        name_a, name_b: what to call the two samples.
    """
    text = (
        f"{found.claim} of b over a: {found.verdict}. Effect {found.effect:+.4g}, negative is better. "
        f"{_PROMISE[found.design]} {found.method[0].upper()}{found.method[1:]}."
    )
    panels = [_runs(found, name_a, name_b), _effect(found)]
    if found.steps:
        panels = [panels[0], _path(found), _sequence(found)]
    return picture(f"{name_b} against {name_a}", text, panels)


def labels(axis: plot.Axis, count: int) -> list[tuple[float, str]]:
    ticks = axis.ticks(count)
    digits = plot.tick_digits(ticks)
    return [(axis.at(tick), f"{tick:.{digits}f}".replace("-", wording.MINUS)) for tick in ticks]


def _thin(values: Sequence[float], most: int) -> Sequence[float]:
    return values if len(values) <= most else [values[i * len(values) // most] for i in range(most)]


def _runs(found: Comparison, name_a: str, name_b: str) -> Panel:
    axis = plot.axis_around((*found.values_a, *found.values_b))
    marks: list[Content] = []
    arms = ((74, name_a, "", 0, found.values_a, found.mean_a), (26, name_b, "second", 3, found.values_b, found.mean_b))
    for y, name, kind, shape, values, mean in arms:
        marks.append(
            plot.line(axis.at(mean), y - 18, axis.at(mean), y + 18, f"mean of {name}", class_=f"interval {kind}")
        )
        for i, value in enumerate(_thin(values, _MOST_DOTS)):
            spread = 6 * ((7 * i) % 5 - 2) / 2  # so that equal values do not hide each other
            marks.append(
                plot.marker(shape, axis.at(value), y + spread, f"{name}: {value:.6g}", class_=f"mark {kind}".strip())
            )
    legend = [(f"a: {name_a} ({found.n_a})", "", 0), (f"b: {name_b} ({found.n_b})", "second", 3)]
    return Panel(marks, labels(axis, 6), [(74, "a"), (26, "b")], "value, lower is better", "runs", legend, 130)


def _bounds(found: Comparison) -> list[float]:
    """Where the claim ends."""
    if found.margin is None:
        return []
    return [found.margin] if found.claim == "noninferiority" else [-found.margin, found.margin]


def _effect(found: Comparison) -> Panel:
    ends = [found.effect, 0.0, *_bounds(found), *(end for end in (found.lo, found.hi) if end is not None)]
    axis = plot.axis_around(ends, 0.1)
    kind = _KIND[found.verdict]
    lo, hi = (0.0 if found.lo is None else axis.at(found.lo)), (100.0 if found.hi is None else axis.at(found.hi))
    marks: list[Content] = [plot.line(axis.at(0), 0, axis.at(0), 100, "no effect", class_="zero")]
    marks += [plot.line(axis.at(m), 0, axis.at(m), 100, f"margin {m:g}", class_="margin") for m in _bounds(found)]
    marks.append(plot.line(lo, 50, hi, 50, "95% interval", class_=f"interval {kind}"))
    marks.append(plot.marker(1, axis.at(found.effect), 50, f"effect {found.effect:+.6g}", class_=f"mark {kind}"))
    legend = [(f"{found.verdict}: effect and 95% interval", kind, 1)]
    name = "effect, mean(b) − mean(a); left of 0 is better" + ("; broken line: margin" if _bounds(found) else "")
    return Panel(marks, labels(axis, 6), [], name, "", legend, 70)


def _pair_ticks(pairs: plot.Axis) -> list[tuple[float, str]]:
    return [(pairs.at(tick), f"{tick:.0f}") for tick in pairs.ticks(8) if tick == round(tick)]


def _thinned_steps(found: Comparison):
    steps = found.steps
    if len(steps) <= _MOST_STEPS:
        return steps
    return [steps[i * (len(steps) - 1) // (_MOST_STEPS - 1)] for i in range(_MOST_STEPS)]


def _path(found: Comparison) -> Panel:
    needed = 1 / found.alpha
    values = [max(step.e_value, 1e-6) for step in _thinned_steps(found)]
    axis = plot.axis_around([*values, needed, 1.0], 0.1, log=True)
    pairs = plot.Axis(0, found.n_used + 1)
    curve = [(pairs.at(step.pairs), axis.at(e)) for step, e in zip(_thinned_steps(found), values, strict=True)]
    marks: list[Content] = [
        plot.line(0, axis.at(needed), 100, axis.at(needed), f"{needed:g} needed", class_="margin"),
        plot.line(0, axis.at(1), 100, axis.at(1), "no evidence", class_="zero"),
        plot.curves(plot.polyline(curve, "e-value", class_="curve")),
    ]
    if len(curve) <= 60:
        marks += [
            plot.marker(0, x, y, f"{step.pairs} pairs: e = {step.e_value:.3g}", class_="mark")
            for (x, y), step in zip(curve, found.steps, strict=True)
        ]
    powers = [10.0**k for k in range(-6, 301)]
    shown = [p for p in powers if axis.low <= p <= axis.high]
    ticks = [(axis.at(p), wording.significant(p, 1)) for p in shown[:: max(1, len(shown) // 6)]]
    return Panel(
        marks, _pair_ticks(pairs), ticks, "pairs", f"e-value for {found.claim}; broken line: {needed:g} needed",
        height=200,
    )  # fmt: skip


def _sequence(found: Comparison) -> Panel:
    bounded = [(s.pairs, s.effect, s.lo, s.hi) for s in _thinned_steps(found) if s.lo is not None and s.hi is not None]
    effects = [step.effect for step in _thinned_steps(found)]
    late = bounded[len(bounded) // 3 :]  # the first intervals are so wide that they would hide all else
    axis = plot.axis_around([*effects, 0.0, *_bounds(found), *(end for _, _, lo, hi in late for end in (lo, hi))])
    pairs = plot.Axis(0, found.n_used + 1)
    curve = [(pairs.at(step.pairs), axis.at(step.effect)) for step in _thinned_steps(found)]
    edges = [(pairs.at(n), axis.at(lo), axis.at(hi)) for n, _, lo, hi in bounded]
    marks: list[Content] = [
        plot.line(0, axis.at(0), 100, axis.at(0), "no effect", class_="zero"),
        [plot.line(0, axis.at(m), 100, axis.at(m), f"margin {m:g}", class_="margin") for m in _bounds(found)],
        plot.curves(
            band(edges, "95% confidence sequence", class_="band") if edges else None,
            plot.polyline(curve, "effect", class_="curve"),
        ),
    ]
    name = "effect, mean(b) − mean(a), and its 95% confidence sequence; below 0 is better"
    return Panel(marks, _pair_ticks(pairs), labels(axis, 5), "pairs", name, height=220)
