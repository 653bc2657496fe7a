"""Compute multiplier: how much less compute a new recipe needs than the old champion's own loss-compute curve.

At each scale the new recipe has reached loss L with compute C; the old champion would have needed C_old(L), read off
its curve, and the multiplier is C_old(L)/C: 1.3 means that the old champion pays 1.3 times as much for the same loss
(the "effective compute" of Hernandez & Brown 2020, "Measuring the Algorithmic Efficiency of Neural Networks").

The curve goes through the old champion's mean scores at its measured scales: log compute as a function of log loss,
interpolated monotonically (PCHIP: Fritsch & Carlson 1980, "Monotone piecewise cubic interpolation"). Nothing is read
off outside the measured range. Straight lines between the points would lie above a convex curve and flatter every
gain: for losses 1 + 1.5·(C/C₀)^−0.2 at scales four times apart they turn a multiplier of 1.30 into 1.32, PCHIP into
1.30; a pure power law both give exactly. Where the old champion's measured loss does not fall with compute,
neighbouring scales are pooled until it does (pool adjacent violators: Barlow et al. 1972, "Statistical Inference
under Order Restrictions"), and a note says so.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import interpolate, special  # pyright: ignore[reportMissingTypeStubs]

from assay.spec.verdict import Multiplier

Floats = NDArray[np.float64]
_pchip = cast("Callable[[Sequence[float], Sequence[float]], Callable[[float], Any]]", interpolate.PchipInterpolator)
_student_quantile = cast("Callable[[float, float], float]", special.stdtrit)

BEYOND = "beyond range"
NO_CURVE = "no curve: the old champion was not measured at two scales with falling loss"
POOLED = "the old champion's loss does not fall with compute everywhere: neighbouring scales pooled"


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What a recipe scored at one scale."""

    scale: str
    flops: float
    """Training compute of one run."""
    scores: tuple[float, ...]
    """Mean bits per byte, one for each seed."""
    seeds: tuple[int, ...]
    """Which seed each score came from, so that runs of the same seed are resampled together."""

    def __post_init__(self) -> None:
        assert len(self.scores) == len(self.seeds) > 0
        assert len(set(self.seeds)) == len(self.seeds)


@dataclass(frozen=True, slots=True)
class Curve:
    """The old champion's log compute as a function of log loss, inside [low, high]."""

    low: float
    high: float
    log_flops: Callable[[float], Any]
    pooled: bool


def multipliers(
    old: Sequence[CurvePoint], new: Sequence[CurvePoint], seed: int, resamples: int = 1000
) -> tuple[list[Multiplier], Multiplier | None]:
    """Compute multiplier of the new recipe at each of its scales, and their geometric mean.

    The intervals are 95% intervals of a Bayesian bootstrap over seeds (Rubin 1981, "The Bayesian bootstrap"): at each
    scale every seed gets an exponential weight, the same for both recipes, so that what they share cancels. Each
    resampled mean's distance from the measured one is stretched by t₀.₉₇₅(n−1)/1.96 · √((n+1)/(n−1)), which makes the
    variance unbiased and the tails Student's; without it a bootstrap over two to ten seeds is far too narrow
    (Hesterberg 2015, "What Teachers Should Know About the Bootstrap"). An end that falls outside the measured range
    is None. There is no interval where a scale has a single seed.

    Both recipes are taken as given. When `new` was chosen because of these scores, its multiplier is somewhat too
    high, most at the scales and seeds that it was selected on.

    Args:
        old: the old champion's points; at least two scales with falling loss, or nothing can be said.
        new: the new recipe's points, at any compute.
        seed: of the resampling.
        resamples: number of bootstrap resamples.

    Returns:
        One multiplier for each point of `new`, in its order, with value None and note "beyond range" where the loss
        lies outside the old champion's curve; and the geometric mean over the others, None if there is none.
    """
    curve = curve_through(old, [_mean(point.scores) for point in old])
    values = [log_multiplier(curve, point.flops, _mean(point.scores)) for point in new]
    samples = bootstrap(old, new, seed, resamples)
    notes = [POOLED] if curve is not None and curve.pooled else []
    if samples is None:
        notes.append("a single seed at some scale: no interval")
    result: list[Multiplier] = []
    inside: list[int] = []
    for index, (point, value) in enumerate(zip(new, values, strict=True)):
        if curve is None:
            result.append(Multiplier(scale=point.scale, value=None, note=NO_CURVE))
        elif math.isinf(value):
            result.append(Multiplier(scale=point.scale, value=None, note=BEYOND))
        else:
            inside.append(index)
            low, high = (None, None) if samples is None else interval(samples[:, [index]])
            result.append(
                Multiplier(scale=point.scale, value=math.exp(value), low=low, high=high, note="; ".join(notes))
            )
    if not inside:
        return result, None
    low, high = (None, None) if samples is None else interval(samples[:, inside])
    if preliminary(result):
        notes.insert(0, "preliminary: fewer than three scales inside the measured range")
    value = math.exp(_mean([values[index] for index in inside]))
    return result, Multiplier(scale="pooled", value=value, low=low, high=high, note="; ".join(notes))


def loss_at(points: Sequence[CurvePoint], flops: float) -> float | None:
    """Mean score of a recipe at a compute budget, read off its own curve: straight lines between the measured points
    in the logarithms of both. None outside the measured range, up to a hundredth of a per cent of compute.
    """
    measured = sorted((math.log(point.flops), math.log(_mean(point.scores))) for point in points)
    target = math.log(flops)
    if not measured or not measured[0][0] - 1e-4 <= target <= measured[-1][0] + 1e-4:
        return None
    return math.exp(float(np.interp(target, [x for x, _ in measured], [y for _, y in measured])))


def preliminary(found: Sequence[Multiplier]) -> bool:
    """Whether fewer than three scales lie inside the old champion's measured range."""
    return sum(multiplier.value is not None for multiplier in found) < 3


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def curve_through(points: Sequence[CurvePoint], scores: Sequence[float]) -> Curve | None:
    """The curve through the given mean scores of the points; None if fewer than two distinct losses remain."""
    blocks: list[tuple[float, float, float]] = []  # weight, mean log flops, mean log loss; loss strictly falling
    for point, score in sorted(zip(points, scores, strict=True), key=lambda pair: pair[0].flops):
        block = (float(len(point.scores)), math.log(point.flops), math.log(score))
        while blocks and blocks[-1][2] <= block[2]:
            weight, flops, loss = blocks.pop()
            total = weight + block[0]
            block = (
                total,
                (weight * flops + block[0] * block[1]) / total,
                (weight * loss + block[0] * block[2]) / total,
            )
        blocks.append(block)
    if len(blocks) < 2:
        return None
    blocks.reverse()
    losses = [block[2] for block in blocks]
    log_flops = _pchip(losses, [block[1] for block in blocks])
    return Curve(losses[0], losses[-1], log_flops, pooled=len(blocks) < len(points))


def log_multiplier(curve: Curve | None, flops: float, score: float) -> float:
    """Log multiplier; +inf for a loss below the measured range, −inf for one above it."""
    loss = math.log(score)
    if curve is None or loss > curve.high:
        return -math.inf
    if loss < curve.low:
        return math.inf
    return float(curve.log_flops(loss)) - math.log(flops)


def bootstrap(old: Sequence[CurvePoint], new: Sequence[CurvePoint], seed: int, resamples: int) -> Floats | None:
    """Resampled log multipliers, shape (resamples, len(new)); None if some scale has a single seed."""
    if any(len(point.scores) < 2 for point in (*old, *new)):
        return None
    rng = np.random.default_rng(seed)
    weights = {
        (scale, run_seed): rng.standard_exponential(resamples)
        for scale, run_seed in sorted({(point.scale, s) for point in (*old, *new) for s in point.seeds})
    }

    def resampled(point: CurvePoint) -> list[float]:
        n = len(point.scores)
        weight = np.stack([weights[point.scale, run_seed] for run_seed in point.seeds])
        means = (weight * np.array(point.scores)[:, None]).sum(axis=0) / weight.sum(axis=0)
        mean = _mean(point.scores)
        # Stretched, the mean of two wildly different scores could fall below zero, where no loss is.
        stretched: list[float] = np.maximum(mean + _stretch(n) * (means - mean), 1e-3 * mean).tolist()
        return stretched

    old_scores = zip(*[resampled(point) for point in old], strict=True)
    new_scores = zip(*[resampled(point) for point in new], strict=True)
    result = np.empty((resamples, len(new)))
    for row, old_row, new_row in zip(result, old_scores, new_scores, strict=True):
        curve = curve_through(old, old_row)
        # Without a curve the multiplier could be anything: nan, which `interval` counts on both sides.
        row[:] = [
            math.nan if curve is None else log_multiplier(curve, point.flops, score)
            for point, score in zip(new, new_row, strict=True)
        ]
    return result


def _stretch(n: int) -> float:
    """What turns the bootstrap's tails over n seeds into Student's."""
    return float(_student_quantile(n - 1, 0.975)) / 1.96 * math.sqrt((n + 1) / (n - 1))


def interval(samples: Floats) -> tuple[float | None, float | None]:
    """95% interval of the geometric mean over the columns of log multipliers; None where it leaves the range."""
    with np.errstate(invalid="ignore"):
        means = samples.mean(axis=1)
    unknown = np.isnan(means)
    low = float(np.quantile(np.where(unknown, -math.inf, means), 0.025, method="lower"))
    high = float(np.quantile(np.where(unknown, math.inf, means), 0.975, method="higher"))
    return (
        None if math.isinf(low) else math.exp(low),
        None if math.isinf(high) else math.exp(high),
    )
