"""Compute multipliers of one recipe over another from two loss–compute tables, and whether the gain transfers.

The multiplier at a scale is what `evidence.multiplier` says: the compute at which the base recipe reaches the new
recipe's loss, over the new recipe's compute. Where its intervals come from depends on the tables:

- *many repeats* (five or more at each scale): the curve through the measured means and the bootstrap over seeds, as
  for the lab's own runs;
- *some repeats*: the same curve; means scatter by the deviation pooled over all scales, relative to the loss, and runs
  of the same seed and compute by their pooled covariance, so that what they share cancels;
- *fitted curves*, where there are none and both tables have four scales: L = E + a·C^−b through each, whose residuals'
  deviation is pooled over both; the multiplier at a scale is then read between the two curves;
- *measured points only*: no intervals.

*Some repeats* needs losses that scatter alike, in per cent, at all scales. *Fitted curves* needs losses that scatter
alike about a curve of that form, and is as good as that form.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assay.evidence.multiplier import (
    BEYOND,
    NO_CURVE,
    POOLED,
    CurvePoint,
    bootstrap,
    curve_through,
    interval,
    log_multiplier,
)
from assay.evidence.scaling.curves import SAME_COMPUTE, Curve, check_pair
from assay.evidence.scaling.law import student_stretch
from assay.evidence.scaling.power import fit_power, power_log_flops, power_loss

Floats = NDArray[np.float64]
Transfer = Literal["grows", "holds", "fades", "cannot be told"]

#: A change of the multiplier by less than this factor per decade of compute is called holding.
BAND = 1.10
#: Fewest scales inside the range for a pooled multiplier that may stand alone.
HEADLINE = 3
#: Fewest scales for a curve of three parameters and something left to judge it by.
_FEWEST_FITTED = 4
#: Repeats at a scale from which its own scatter is known well enough.
_MANY = 5
NEAR_THE_END = "near the end of the base's range: not pooled"
_METHODS = {
    "many repeats": "curve through the measured means; bootstrap over seeds",
    "some repeats": "curve through the measured means; deviation pooled over the repeats",
    "fitted curves": "E + a·C^−b fitted to each table; deviation pooled over the residuals of both",
    "measured points only": "curve through the measured points; no repeats, and too few scales for intervals",
}


@dataclass(frozen=True, slots=True)
class AtScale:
    """The multiplier at one compute of the new recipe."""

    flops: float
    value: float | None
    """None: the new recipe's loss lies outside the base's measured range."""
    lo: float | None
    hi: float | None
    """Ends of the 95% interval; None where it leaves the measured range, or there is no interval."""
    note: str
    pooled: bool
    """Whether it counts in the pooled multiplier and in the transfer verdict."""


@dataclass(frozen=True, slots=True)
class Pooled:
    """The geometric mean over the scales whose intervals lie inside the range; without intervals, over all inside."""

    value: float
    lo: float | None
    hi: float | None
    scales: int
    headline: bool
    """Whether it may stand alone: at least three scales lie inside the range."""


@dataclass(frozen=True, slots=True)
class Slope:
    """Factor by which the multiplier changes with each tenfold compute."""

    value: float
    lo: float | None
    hi: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Compute multipliers of a new recipe over a base."""

    per_scale: tuple[AtScale, ...]
    pooled: Pooled | None
    transfer: Transfer
    reason: str
    slope: Slope | None
    method: str
    warnings: tuple[str, ...]


def compare_curves(base: Curve, new: Curve, seed: int = 0, resamples: int = 1000) -> Comparison:
    """Compute multipliers of `new` over `base`, per scale and pooled, with 95% intervals, and the transfer verdict.

    *Transfer* is judged by the slope of the log multiplier on log compute: its 95% interval inside a factor of 1.10
    per decade either way, with a gain or loss that is beyond doubt: *holds*; above no change: *grows*; below: *fades*;
    else, or with fewer than three scales inside the range: *cannot be told*. A scale so near the end of the base's
    range that its interval leaves it is shown, but neither pooled nor judged: one such scale would leave the pooled
    interval without an end, always so for two recipes that are equally good on one ladder of scales.

    Raises:
        UserError: the two tables hold the same curve, or are in different units.
    """
    warnings = [*check_pair(base, new), *(_rise(curve) for curve in (base, new) if (np.diff(curve.means) > 0).any())]
    kind = _kind(base, new)
    if kind == "fitted curves":
        values, samples = _fitted(base, new, seed, resamples)
    else:
        values, samples = _measured(base, new, kind, seed, resamples)
    curve = curve_through(_points(base, 0), base.means.tolist())
    if curve is not None and curve.pooled and kind != "fitted curves":
        warnings.append(POOLED.replace("old champion", "base"))
    within = [i for i, value in enumerate(values) if math.isfinite(value)]
    ends = {i: (None, None) if samples is None else interval(samples[:, [i]]) for i in within}
    inside = [i for i in within if None not in ends[i]] or within
    per_scale: list[AtScale] = []
    for i, (point, value) in enumerate(zip(new.points, values, strict=True)):
        if not math.isfinite(value):
            note = NO_CURVE.replace("old champion", "base") if math.isnan(value) else BEYOND
            per_scale.append(AtScale(point.flops, None, None, None, note, False))
        else:
            note = "" if i in inside else NEAR_THE_END
            per_scale.append(AtScale(point.flops, math.exp(value), *ends[i], note, i in inside))
    pooled = slope = None
    if inside:
        low, high = (None, None) if samples is None else interval(samples[:, inside])
        mean = math.exp(math.fsum(values[i] for i in inside) / len(inside))
        pooled = Pooled(mean, low, high, len(inside), len(inside) >= HEADLINE)
    if len(inside) >= HEADLINE:
        slope = _slope(new.flops[inside], np.array(values)[inside], None if samples is None else samples[:, inside])
    transfer, reason = _transfer(pooled, slope, len(inside))
    return Comparison(tuple(per_scale), pooled, transfer, reason, slope, _METHODS[kind], tuple(warnings))


def _rise(curve: Curve) -> str:
    """What to say of a curve that rises somewhere: noise, most likely, but perhaps a mistake in one row."""
    place = int(np.argmax(np.diff(curve.means) > 0))
    low, high = curve.points[place], curve.points[place + 1]
    return (
        f"the loss of {curve.name} rises from {low.mean:.5g} at {low.flops:.3g} FLOPs to {high.mean:.5g} at "
        f"{high.flops:.3g}: noise, or a mistake in one of the runs"
    )


def _kind(base: Curve, new: Curve) -> str:
    counts = [*base.counts.tolist(), *new.counts.tolist()]
    if min(counts) >= _MANY:
        return "many repeats"
    if sum(counts) - len(counts) >= 2:
        return "some repeats"
    fitted = min(len(base.points), len(new.points)) >= _FEWEST_FITTED
    return "fitted curves" if fitted else "measured points only"


def _points(curve: Curve, start: int, scales: Sequence[float] = ()) -> list[CurvePoint]:
    """The curve as `evidence.multiplier` takes it. Seeds without names are numbered from `start`.

    Args:
        scales: computes whose names are used where they are the same, so that shared seeds are resampled together.
    """
    found: list[CurvePoint] = []
    for point in curve.points:
        same = [flops for flops in scales if abs(math.log(flops / point.flops)) <= SAME_COMPUTE]
        seeds = range(start, start + len(point.losses)) if point.seeds is None else map(_seed, point.seeds)
        name = f"{same[0] if same else point.flops:.6g}"
        found.append(CurvePoint(scale=name, flops=point.flops, scores=point.losses, seeds=tuple(seeds)))
    return found


def _seed(name: str) -> int:
    """A number for a seed's name, the same in both tables."""
    return int.from_bytes(name.encode(), "big")


def _measured(base: Curve, new: Curve, kind: str, seed: int, resamples: int) -> tuple[list[float], Floats | None]:
    old_points = _points(base, 0)
    new_points = _points(new, 1_000_000, base.flops.tolist())
    curve = curve_through(old_points, base.means.tolist())
    if curve is None:
        return [math.nan] * len(new.points), None
    values = [log_multiplier(curve, point.flops, point.mean) for point in new.points]
    if kind == "many repeats":
        return values, bootstrap(old_points, new_points, seed, resamples)
    if kind == "measured points only":
        return values, None
    draws = _drawn(old_points, new_points, seed, resamples)
    samples = np.empty((resamples, len(new.points)))
    for row, old_row, new_row in zip(samples, draws[0].tolist(), draws[1].tolist(), strict=True):
        drawn = curve_through(old_points, old_row)
        row[:] = [
            math.nan if drawn is None else log_multiplier(drawn, point.flops, score)
            for point, score in zip(new.points, new_row, strict=True)
        ]
    return values, samples


def _drawn(old: Sequence[CurvePoint], new: Sequence[CurvePoint], seed: int, resamples: int) -> tuple[Floats, Floats]:
    """Means of both recipes drawn again about the measured ones, each of shape (resamples, scales)."""
    off = [
        {(point.scale, s): score / (math.fsum(point.scores) / len(point.scores)) - 1
         for point in points for s, score in zip(point.seeds, point.scores, strict=True)}
        for points in (old, new)
    ]  # fmt: skip
    repeats = [points for points in (*old, *new) if len(points.scores) > 1]
    free = sum(len(point.scores) - 1 for point in repeats)
    variance = sum(value**2 for table in off for value in table.values()) / free
    common = sorted(off[0].keys() & off[1].keys())
    pairs = len(common) - len({scale for scale, _ in common})
    shared = sum(off[0][key] * off[1][key] for key in common) / pairs if pairs > 0 else 0.0
    shared = min(max(shared, 0.0), variance)
    stretch = student_stretch(free, free)
    rng = np.random.default_rng(seed)
    # Every seed at a scale has a part that both recipes share and one of its own.
    parts = {key: rng.standard_normal(resamples) for key in common}
    found: list[Floats] = []
    for points in (old, new):
        columns: list[Floats] = []
        for point in points:
            n = len(point.scores)
            keys = [(point.scale, s) for s in point.seeds]
            both = sum((parts[key] for key in keys if key in parts), np.zeros(resamples))
            own = rng.standard_normal(resamples) * math.sqrt(n * variance - shared * sum(key in parts for key in keys))
            noise = (math.sqrt(shared) * both + own) / n
            columns.append(math.fsum(point.scores) / n * np.maximum(1 + stretch * noise, 1e-3))
        found.append(np.stack(columns, axis=1))
    return found[0], found[1]


def _fitted(base: Curve, new: Curve, seed: int, resamples: int) -> tuple[list[float], Floats]:
    rng = np.random.default_rng(seed)
    centres = [float(np.exp(np.log(curve.flops).mean())) for curve in (base, new)]
    fits = [fit_power(curve.flops, curve.means[None]) for curve in (base, new)]
    through = [
        power_loss(fit, centre, curve.flops)[0] for fit, centre, curve in zip(fits, centres, (base, new), strict=True)
    ]
    squares = sum(
        float(((curve.means / line - 1) ** 2).sum()) for curve, line in zip((base, new), through, strict=True)
    )
    free = len(base.points) + len(new.points) - 6
    deviation = math.sqrt(squares / free)
    again = [
        fit_power(curve.flops, line * np.maximum(1 + deviation * rng.standard_normal((resamples, len(line))), 0.05))
        for curve, line in zip((base, new), through, strict=True)
    ]
    estimate = _between(base, new, centres, fits[0], fits[1])[0]
    samples = _between(base, new, centres, again[0], again[1])
    stretch = student_stretch(free, free)
    with np.errstate(invalid="ignore"):
        stretched = estimate + stretch * (samples - estimate)
    return estimate.tolist(), np.where(np.isfinite(estimate), stretched, samples)


def _between(base: Curve, new: Curve, centres: Sequence[float], old_fits: Floats, new_fits: Floats) -> Floats:
    """Log multipliers, shape (fits, scales); inf for a loss below what the base reached, −inf for one above."""
    losses = power_loss(new_fits, centres[1], new.flops)
    ends = power_loss(old_fits, centres[0], base.flops[[0, -1]])
    found = power_log_flops(old_fits, centres[0], losses) - np.log(new.flops)
    return np.where(losses < ends[:, [1]], np.inf, np.where(losses > ends[:, [0]], -np.inf, found))


def _slope(flops: Floats, values: Floats, samples: Floats | None) -> Slope:
    x = np.log10(flops)
    x -= x.mean()
    x /= (x * x).sum()
    if samples is None:
        return Slope(math.exp(float(values @ x)), None, None)
    with np.errstate(invalid="ignore"):
        slopes = samples @ x
    # `interval` takes the mean over columns, which of one column is the column itself.
    return Slope(math.exp(float(values @ x)), *interval(slopes[:, None]))


def _transfer(pooled: Pooled | None, slope: Slope | None, inside: int) -> tuple[Transfer, str]:
    if pooled is None or slope is None:
        few = ("no scale lies", "only one scale lies", f"only {inside} scales lie")[min(inside, 2)]
        return "cannot be told", f"{few} well inside the base's measured range; at least {HEADLINE} are needed"
    if slope.lo is None or slope.hi is None:
        return "cannot be told", "the change of the multiplier with compute has no interval, or one without ends"
    said = (
        f"each tenfold compute changes the multiplier by a factor of {slope.value:.3f} "
        f"({slope.lo:.3f} to {slope.hi:.3f})"
    )
    if slope.lo > 1 / BAND and slope.hi < BAND:
        if pooled.lo is None or pooled.hi is None or pooled.lo <= 1 <= pooled.hi:
            return "cannot be told", f"{said}, but whether there is a gain at all is in doubt"
        return "holds", f"{said}: within {1 / BAND:.2f} to {BAND:.2f}"
    if slope.lo > 1:
        return "grows", said
    if slope.hi < 1:
        return "fades", said
    return "cannot be told", f"{said}: it may grow or fade"
