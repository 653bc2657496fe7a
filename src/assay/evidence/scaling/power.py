"""The curve L = E + a·C^−b through losses at several computes: many fits at once.

Given b the curve is linear in E and a, so one number is searched, on a grid that zooms in (variable projection).
Errors are relative to the measured loss.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_EXPONENT, MOST_EXPONENT = 0.005, 2.0
_GRID = 48
_ZOOMS = 7


def fit_power(flops: Floats, losses: Floats, weights: Floats | None = None) -> Floats:
    """Fit the curve to each row of losses.

    Args:
        flops: shape (points,).
        losses: shape (fits, points).
        weights: of squared relative errors, shape (points,) or (fits, points); 1 if left out.

    Returns:
        E, a (the reducible loss at the geometric mean of `flops`) and b, shape (fits, 3); E and a are not negative.
    """
    x = np.log(flops) - np.log(flops).mean()
    root = np.sqrt(np.broadcast_to(1.0 if weights is None else weights, losses.shape)) / losses
    low = np.full(len(losses), np.log(LEAST_EXPONENT))
    high = np.full(len(losses), np.log(MOST_EXPONENT))
    every = np.arange(len(losses))
    best = np.empty((len(losses), 3))
    for _ in range(_ZOOMS):
        logs = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, _GRID)
        powers = np.exp(-np.exp(logs)[:, :, None] * x)  # fits, grid, points
        e, a, error = _linear(powers * root[:, None], root[:, None], (root * losses)[:, None])
        at = error.argmin(axis=1)
        best = np.stack([e[every, at], a[every, at], np.exp(logs[every, at])], axis=1)
        width = (high - low) / (_GRID - 1)
        low, high = np.maximum(logs[every, at] - width, low), np.minimum(logs[every, at] + width, high)
    return best


def _linear(first: Floats, second: Floats, target: Floats) -> tuple[Floats, Floats, Floats]:
    """Non-negative E and a that minimise |a·first + E·second − target|² along the last axis, and the minimum."""
    ff, ss, fs = _dot(first, first), _dot(second, second), _dot(first, second)
    ft, st, tt = _dot(first, target), _dot(second, target), _dot(target, target)
    determinant = np.maximum(ff * ss - fs * fs, 1e-300)
    a, e = (ft * ss - st * fs) / determinant, (st * ff - ft * fs) / determinant
    a, e = np.where(e < 0, ft / ff, a), np.maximum(e, 0.0)
    e, a = np.where(a < 0, st / ss, e), np.maximum(a, 0.0)
    error = tt + a * a * ff + e * e * ss + 2 * (a * e * fs - a * ft - e * st)
    return e, a, error


def _dot(one: Floats, other: Floats) -> Floats:
    return np.asarray((one * other).sum(axis=-1), dtype=float)


def power_loss(curves: Floats, centre: float, flops: Floats) -> Floats:
    """Losses of curves of shape (fits, 3) at the given computes, shape (fits, points).

    Args:
        curves: from `fit_power`.
        centre: geometric mean of the computes that they were fitted to.
        flops: where.
    """
    e, a, b = (curves[:, [i]] for i in range(3))
    return e + a * np.exp(-b * np.log(flops / centre))


def power_log_flops(curves: Floats, centre: float, losses: Floats) -> Floats:
    """Log compute at which the curves reach the given losses, both of shape (fits, points); inf where they never do."""
    e, a, b = (curves[:, [i]] for i in range(3))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.log(centre) - np.log((losses - e) / a) / b
    return np.where(losses > e, found, np.inf)
