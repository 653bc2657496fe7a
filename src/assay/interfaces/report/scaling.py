"""Pictures of scaling laws: loss against compute with the fit and its interval, multipliers by scale."""

import math
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from assay.evidence.scaling.curves import Curve
from assay.evidence.scaling.frontier import Frontier
from assay.evidence.scaling.isoflop import IsoFlop, budgets
from assay.evidence.scaling.law import Law, best_sizes, losses
from assay.evidence.scaling.runs import Runs
from assay.evidence.scaling.transfer import Comparison
from assay.interfaces.report import plot, wording
from assay.interfaces.report.html import Content
from assay.interfaces.report.picture import Panel, band, picture
from assay.interfaces.report.plot import Axis

Floats = NDArray[np.float64]

#: Points of a drawn curve.
_STEPS = 60


def decades(axis: Axis, most: int = 8) -> list[tuple[float, str]]:
    """Ticks of a logarithmic axis at powers of ten; at 1, 2 and 5 times them where there is room."""
    first, last = math.floor(math.log10(axis.low)), math.ceil(math.log10(axis.high))
    for factors in ((1, 2, 5), (1, 3), (1,)):
        found = [f * 10.0**p for p in range(first, last + 1) for f in factors if axis.low <= f * 10.0**p <= axis.high]
        if len(found) <= most:
            break
    else:
        powers = list(range(first, last + 1))
        found = [10.0**p for p in powers[:: math.ceil(len(powers) / most)] if axis.low <= 10.0**p <= axis.high]
    return [(axis.at(tick), _size(tick)) for tick in found]


def _size(value: float) -> str:
    return f"{value:g}" if 1e-3 <= value < 1e4 else wording.scientific(value, 1)


def multiplier_ticks(axis: Axis, most: int = 6) -> list[tuple[float, str]]:
    """Ticks of multipliers: round values, of which 1 is one; powers of ten and such where the axis is long."""
    if axis.high / axis.low > 10:
        return decades(axis, most)
    for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0):
        first, last = math.ceil((axis.low - 1) / step - 1e-9), math.floor((axis.high - 1) / step + 1e-9)
        if last - first < most:
            break
    found = [1 + i * step for i in range(first, last + 1)]
    return [(axis.at(tick), f"{tick:.{plot.tick_digits([0.0, step])}f}") for tick in found if tick > 0]


def loss_ticks(axis: Axis) -> list[tuple[float, str]]:
    """Round ticks of losses, with the decimals that tell them apart."""
    ticks = axis.ticks(5)
    return [(axis.at(tick), f"{tick:.{plot.tick_digits(ticks)}f}") for tick in ticks]


def compute_range(low: float, high: float) -> list[float]:
    """Computes at even steps of the logarithm."""
    return [float(value) for value in np.geomspace(low, high, _STEPS)]


def law_picture(law: Law, marked: Collection[int]) -> str:
    """Loss against compute with the least loss that the law gives, and how far each run lies off the law.

    Args:
        law: fitted.
        marked: lines of the runs to point out.
    """
    runs = law.runs
    x = plot.axis_around([float(v) for v in runs.flops], log=True)
    compute = np.array(compute_range(x.low, x.high))
    low, high = np.quantile(_least(law.resampled, compute), [0.025, 0.975], axis=0)
    middle = _least(law.parameters[None], compute)[0]
    y = plot.axis_around([*(float(v) for v in runs.loss), *(float(v) for v in middle)])
    across = [x.at(c) for c in compute]
    marks: list[Content] = [
        plot.curves(
            band(zip(across, map(y.at, low), map(y.at, high), strict=True), "95% interval", class_="band"),
            plot.polyline(zip(across, map(y.at, middle), strict=True), "least loss for the compute", class_="curve"),
        )
    ]
    ratio = plot.axis_around([float(v) for v in runs.ratio], log=True)
    off = 100 * law.residuals
    z = plot.axis_around([*(float(v) for v in off), 0.0])
    rest: list[Content] = [plot.line(0, z.at(0), 100, z.at(0), class_="zero")]
    for i, line in enumerate(runs.lines):
        shape, kind = (1, "mark bad") if line in marked else (0, "mark faint")
        hover = (
            f"line {line}: {wording.significant(float(runs.params[i]))} parameters, "
            f"{wording.significant(float(runs.tokens[i]))} tokens, loss {runs.loss[i]:.4f}, {off[i]:+.2f}% off the law"
        )
        marks.append(plot.marker(shape, x.at(float(runs.flops[i])), y.at(float(runs.loss[i])), hover, class_=kind))
        rest.append(plot.marker(shape, ratio.at(float(runs.ratio[i])), z.at(float(off[i])), hover, class_=kind))
    legend = [("run", "faint", 0), ("influential run", "bad", 1)] if marked else [("run", "faint", 0)]
    low_end, high_end = law.interval("exponent")
    text = (
        f"Above: every run, and the curve of least loss for its compute under the fitted law, with its 95% interval. "
        f"Below: how far each run lies off the law. The best size grows as compute to the power "
        f"{law.exponent:.3f} ({low_end:.3f} to {high_end:.3f})."
    )
    ticks = z.ticks(4)
    return picture(
        "Loss against compute, and the fitted law", text,
        [
            Panel(marks, decades(x), loss_ticks(y), "training compute, FLOPs", "loss", legend),
            Panel(rest, decades(ratio), [(z.at(t), f"{t:+.{plot.tick_digits(ticks)}f}%") for t in ticks],
                  "tokens per parameter", "measured less predicted loss", height=170),
        ],
    )  # fmt: skip


def _least(parameters: np.ndarray, compute: np.ndarray) -> np.ndarray:
    params, tokens = best_sizes(parameters, compute)
    return losses(parameters, params, tokens)


def multiplier_picture(base: Curve, new: Curve, found: Comparison) -> str:
    """Both recipes' losses against compute, and the multiplier at each scale with its interval."""
    x = plot.axis_around([*(float(v) for v in base.flops), *(float(v) for v in new.flops)], log=True)
    y = plot.axis_around([loss for curve in (base, new) for point in curve.points for loss in point.losses], log=True)
    above: list[Content] = []
    for shape, (curve, kind) in enumerate(((base, "second"), (new, ""))):
        places = [(x.at(point.flops), y.at(point.mean)) for point in curve.points]
        above.append(plot.curves(plot.polyline(places, curve.name, class_=f"curve {kind}")))
        for point in curve.points:
            for loss in point.losses:
                hover = f"{curve.name}: {wording.flops(point.flops)}, loss {loss:.4f}"
                above.append(plot.marker(shape, x.at(point.flops), y.at(loss), hover, class_=f"mark {kind}"))
    ends = [end for at in found.per_scale for end in (at.value, at.lo, at.hi) if end is not None]
    z = plot.axis_around([*ends, 1.0], log=True)
    below: list[Content] = [plot.line(0, z.at(1), 100, z.at(1), class_="zero")]
    for at in found.per_scale:
        if at.value is None:
            continue
        across = x.at(at.flops)
        said = f"{wording.multiplier(at.value)} at {wording.flops(at.flops)}"
        if at.lo is not None or at.hi is not None:
            low, high = at.lo or z.low, at.hi or z.high
            below.append(plot.line(across, z.at(low), across, z.at(high), said, class_="interval"))
        below.append(plot.marker(0, across, z.at(at.value), said, class_="mark"))
    pooled = "No scale lies inside the base's measured range."
    if found.pooled:
        pooled = (
            f"Pooled {wording.multiplier(found.pooled.value)} "
            f"({wording.multiplier_range(found.pooled.lo, found.pooled.hi)})"
            + ("." if found.pooled.headline else ", preliminary: fewer than three scales.")
        )
    return picture(
        "How much less compute the new recipe needs",
        f"Above: loss against compute. Below: the compute at which the base reaches the new recipe's loss, over the "
        f"new recipe's, with 95% intervals; above 1 the new recipe needs less. {pooled} Transfer: {found.transfer}.",
        [
            Panel(above, decades(x), loss_ticks(y), "training compute, FLOPs", "loss",
                  [("base", "second", 0), ("new", "", 1)]),
            Panel(below, decades(x), multiplier_ticks(z), "training compute, FLOPs", "compute multiplier", height=170),
        ],
    )  # fmt: skip


def isoflop_picture(runs: Runs, found: IsoFlop) -> str:
    """Loss against size at each budget, with the best sizes and their intervals."""
    x = plot.axis_around([float(v) for v in runs.params], log=True)
    y = plot.axis_around([float(v) for v in runs.loss])
    marks: list[Content] = []
    for place, at in enumerate(budgets(runs.flops)):
        order = at[np.argsort(runs.params[at])]
        kind = ("", "second", "good", "unsure")[place % 4]
        places = [(x.at(float(runs.params[i])), y.at(float(runs.loss[i]))) for i in order]
        hover = wording.flops(float(runs.flops[at].mean()))
        marks.append(plot.curves(plot.polyline(places, hover, class_=f"curve {kind}")))
        marks += [plot.marker(0, *here, hover, class_=f"mark {kind}") for here in places]
    for budget in found.budgets:
        if budget.params is None or budget.loss is None:
            continue
        up = y.at(budget.loss)
        said = f"best at {wording.flops(budget.flops)}: {wording.significant(budget.params)} parameters"
        if budget.lo is not None and budget.hi is not None:
            marks.append(plot.line(x.at(budget.lo), up, x.at(budget.hi), up, said, class_="interval bad"))
        marks.append(plot.marker(3, x.at(budget.params), up, said, class_="mark bad"))
    return picture(
        "The best size for each compute",
        "Loss against the number of parameters; each line is one compute budget. Diamonds: the lowest points of the "
        "parabolas, with 95% intervals.",
        [Panel(marks, decades(x), loss_ticks(y), "parameters", "loss", [("best size", "bad", 3)], height=340)],
    )


def frontier_picture(flops: Floats, losses: Floats, found: Frontier) -> str:
    """All runs, those of least loss for their compute, and the curve through these with its interval."""
    x = plot.axis_around([float(v) for v in flops], log=True)
    y = plot.axis_around([float(v) for v in losses])
    compute = compute_range(float(found.flops.min()), float(found.flops.max()))
    middle, low, high = found.loss(np.array(compute))
    across = [x.at(c) for c in compute]
    marks: list[Content] = [
        plot.curves(
            band(zip(across, map(y.at, low), map(y.at, high), strict=True), "95% interval", class_="band"),
            plot.polyline(zip(across, map(y.at, middle), strict=True), "E + a·C^−b", class_="curve"),
        )
    ]
    for i, (c, loss) in enumerate(zip(flops.tolist(), losses.tolist(), strict=True)):
        kind = "mark" if i in found.places else "mark faint"
        marks.append(plot.marker(0, x.at(c), y.at(loss), f"{wording.flops(c)}, loss {loss:.4f}", class_=kind))
    return picture(
        "The least loss for each compute",
        "Grey: all runs. Blue: runs with the least loss for their compute, the curve and its 95% interval.",
        [Panel(marks, decades(x), loss_ticks(y), "training compute, FLOPs", "loss",
               [("least loss", "", 0), ("other run", "faint", 0)], height=340)],
    )  # fmt: skip
