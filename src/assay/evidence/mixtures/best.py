"""The mixture with the least predicted value, and whether the data say anything about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from assay.evidence.mixtures.model import Z95
from assay.evidence.mixtures.regressor import Predictor
from assay.evidence.mixtures.simplex import Limits, hellinger, project, scatter

Floats = NDArray[np.float64]

#: Rounds of random search, ever closer around the best so far: strength of the Dirichlet distributions.
STRENGTHS = (3.0, 30.0, 100.0, 300.0, 1000.0, 5000.0)
#: Mixtures tried a round, and how many the next round starts from.
TRIED, KEPT = 1000, 20
#: Share of the prior variance that the data must have taken away for a prediction to count as known.
LEAST_KNOWN = 0.5


@dataclass(frozen=True, slots=True)
class Best:
    """A predicted best mixture."""

    mixture: Floats
    mean: float
    sd: float
    """Of one new run's value."""
    lo: float
    hi: float
    """95% of one new run's value."""
    nearest: int
    """Row of the nearest trained mixture."""
    distance: float
    """Hellinger's distance to it."""
    spacing: float
    """The largest distance of a trained mixture to its own nearest neighbour."""
    known: float | None
    """Share of the prior variance that the data have taken away; None for a regression without a prior."""
    supported: bool
    """Whether the data say something about this mixture."""


@dataclass(frozen=True, slots=True)
class Gain:
    """Predicted value at the best trained mixture minus that at the predicted best one; positive is better."""

    row: int
    value: float
    lo: float | None
    hi: float | None
    """95% interval; None for a regression without covariances."""


def best_mixture(regression: Predictor, trained: Floats, limits: Limits, seed: int = 0) -> tuple[Best, Best | None]:
    """Minimise the predicted mean within limits.

    Random search around the trained mixtures, closer from round to round, then sequential quadratic programming on
    the square roots of the weights from the best few.

    Args:
        trained: mixtures that were measured, shape (rows, domains).

    Returns:
        The best mixture that the data support, and, where it is another, the one that the regression alone would
        choose, out where it knows next to nothing.
    """
    neighbours = hellinger(trained, trained)
    np.fill_diagonal(neighbours, np.inf)
    # Copies of one mixture are no neighbours.
    neighbours[neighbours < 1e-6] = np.inf
    nearest = neighbours.min(axis=1)
    spacing = float(nearest[np.isfinite(nearest)].max())

    def known(points: Floats) -> Floats | None:
        prior = regression.prior_sd(points)
        return None if prior is None else 1 - (regression.predict(points).sd_mean / prior) ** 2

    def supported(points: Floats) -> NDArray[np.bool_]:
        share = known(points)
        if share is not None:
            return share >= LEAST_KNOWN
        return np.asarray(hellinger(points, trained).min(axis=1) <= spacing + 1e-9)

    def described(point: Floats) -> Best:
        prediction = regression.predict(point[None])
        mean, sd = float(prediction.mean[0]), float(prediction.sd[0])
        distances = hellinger(point[None], trained)[0]
        share = known(point[None])
        return Best(
            mixture=point, mean=mean, sd=sd, lo=mean - Z95 * sd, hi=mean + Z95 * sd, nearest=int(distances.argmin()),
            distance=float(distances.min()), spacing=spacing, known=None if share is None else float(share[0]),
            supported=bool(supported(point[None])[0]),
        )  # fmt: skip

    free = described(_search(regression, trained, limits, seed, None))
    if free.supported:
        return free, None
    return described(_search(regression, trained, limits, seed, supported)), free


def gain(regression: Predictor, trained: Floats, best: Best, limits: Limits) -> Gain:
    """What the predicted best mixture saves against the best trained one within the limits (all, if none is)."""
    inside = np.all((trained >= limits.low - 1e-9) & (trained <= limits.high + 1e-9), axis=1)
    means = np.where(inside | (not inside.any()), regression.predict(trained).mean, np.inf)
    row = int(means.argmin())
    both = np.stack([trained[row], best.mixture])
    value = float(means[row]) - best.mean
    covariance = regression.covariance(both, both)
    if covariance is None:
        return Gain(row, value, None, None)
    sd = float(np.sqrt(max(covariance[0, 0] + covariance[1, 1] - covariance[0, 1] - covariance[1, 0], 0)))
    return Gain(row, value, value - Z95 * sd, value + Z95 * sd)


def _search(
    regression: Predictor,
    trained: Floats,
    limits: Limits,
    seed: int,
    allowed: Callable[[Floats], NDArray[np.bool_]] | None,
) -> Floats:
    """The best mixture found, shape (domains,)."""
    rng = np.random.default_rng(seed)

    def scores(points: Floats) -> Floats:
        means = regression.predict(points).mean
        return means if allowed is None else np.where(allowed(points), means, means + 1e6 * (1 + np.abs(means).max()))

    domains = trained.shape[1]
    start = np.concatenate([trained, np.eye(domains), np.full((1, domains), 1 / domains)])
    pool = project(start, limits)
    pool = pool[np.argsort(scores(pool), kind="stable")[:KEPT]]
    for strength in STRENGTHS:
        around = scatter(rng, pool, np.array([strength]), TRIED)
        # Straight lines between good mixtures reach domains' exact zeros, which random ones never do.
        share = rng.uniform(size=(TRIED // 4, 1))
        ends = rng.integers(len(pool), size=(2, TRIED // 4))
        between = share * pool[ends[0]] + (1 - share) * pool[ends[1]]
        pool = np.concatenate([pool, project(np.concatenate([around, between]), limits)])
        pool = pool[np.argsort(scores(pool), kind="stable")[:KEPT]]
    if regression.covariance(pool[:1], pool[:1]) is not None:  # smooth, so that gradients help
        polished = [_polish(regression, point, limits) for point in pool[:3]]
        pool = np.concatenate([pool[:1], project(np.stack(polished), limits)])
    return pool[int(scores(pool).argmin())]


def _polish(regression: Predictor, point: Floats, limits: Limits) -> Floats:
    """Follow the gradient of the mean from a mixture, by sequential quadratic programming on the square roots."""
    from scipy import optimize  # pyright: ignore[reportMissingTypeStubs]

    minimise = cast("Any", optimize).minimize
    step = 1e-5 * np.eye(len(point))
    scale = float(np.ptp(regression.predict(np.eye(len(point))).mean)) or 1.0

    def mixtures(roots: Floats) -> Floats:
        squares = roots**2
        return squares / squares.sum(axis=-1, keepdims=True)

    def value(roots: Floats) -> tuple[float, Floats]:
        moved = np.concatenate([roots[None], roots + step, roots - step])
        means = regression.predict(mixtures(moved)).mean / scale
        up, down = np.split(means[1:], 2)
        return float(means[0]), (up - down) / 2e-5

    def off(roots: Floats) -> float:
        return float(roots @ roots) - 1

    def off_slope(roots: Floats) -> Floats:
        return 2 * roots

    found = minimise(
        value, np.sqrt(point), jac=True, method="SLSQP",
        bounds=list(zip(np.sqrt(limits.low), np.sqrt(limits.high), strict=True)),
        constraints={"type": "eq", "fun": off, "jac": off_slope},
        options={"maxiter": 100, "ftol": 1e-10},
    )  # fmt: skip
    return mixtures(np.asarray(found.x)) if np.all(np.isfinite(found.x)) and np.any(found.x) else point
