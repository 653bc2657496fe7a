"""Chinchilla's third approach: many robust fits of L(N, D) = E + A·N^−α + B·D^−β at once.

Hoffmann et al. 2022, "Training Compute-Optimal Large Language Models" (equation 3): minimise the Huber loss of
log L − log-sum-exp(a − α log N, b − β log D, log E). We take the *sum* over the runs: the mean, with an optimiser's
usual stopping rule, ends far from the optimum (Besiroglu et al. 2024, "Chinchilla Scaling: A replication attempt").

All fits of a batch (starts, bootstrap resamples, deletions) take their steps together. Gradient and Hessian are exact:
with p the shares of the three terms in the prediction, the Hessian of log-sum-exp is diag(p) − p pᵀ, and the terms'
logarithms are linear in the parameters.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Residuals of log L beyond which the loss grows linearly (Hoffmann et al. 2022).
DELTA = 1e-3
#: Exponents outside these are no power law that a table could show.
LEAST_EXPONENT, MOST_EXPONENT = 0.01, 3.0
#: A term below e^−12 of the loss cannot be told from none.
_LEAST_LOG = -12.0
#: Batches are cut so that one step's arrays stay in the processor's cache.
_CHUNK = 60_000


@dataclass(frozen=True, slots=True)
class Design:
    """Runs as the fits see them: logarithms about their means, so that no unit matters.

    `x`, `y`, `z` are log params, log tokens and log loss, shape (runs,), each less its mean.
    """

    x: Floats
    y: Floats
    z: Floats
    centre: tuple[float, float, float]

    @staticmethod
    def of(params: Floats, tokens: Floats, loss: Floats) -> "Design":
        logs = [np.log(values) for values in (params, tokens, loss)]
        centre = [float(values.mean()) for values in logs]
        x, y, z = (values - mean for values, mean in zip(logs, centre, strict=True))
        return Design(x, y, z, (centre[0], centre[1], centre[2]))


def minimise(
    design: Design, starts: Floats, weights: Floats | None = None, delta: float = DELTA, steps: int = 200
) -> tuple[Floats, Floats]:
    """Minimise Σ w·Huber(residual) from each start.

    A damped Newton method: each fit has its own damping, which falls after a step that helped and grows after one that
    did not. Fits that no longer improve leave the batch.

    Args:
        design: the runs.
        starts: shape (fits, 5): log A', log B', log E', α, β, where A' is the params' term at the centre of the design
            in units of the mean loss, and so on.
        weights: how often each run counts, shape (fits, runs) or (runs,); once each if left out.
        delta: where the Huber loss turns linear; `math.inf` is least squares.

    Returns:
        Parameters, shape (fits, 5), and objective, shape (fits,).
    """
    runs, fits = len(design.x), len(starts)
    weight = np.broadcast_to(np.ones(runs) if weights is None else weights, (fits, runs))
    size = max(1, _CHUNK // runs)
    found = [
        _newton(design, starts[at : at + size], weight[at : at + size], delta, steps) for at in range(0, fits, size)
    ]
    return np.concatenate([theta for theta, _ in found]), np.concatenate([value for _, value in found])


def _newton(design: Design, starts: Floats, weight: Floats, delta: float, steps: int) -> tuple[Floats, Floats]:
    theta = _inside(starts.copy())
    value, gradient, hessian = _terms(design, theta, weight, delta)
    damping = np.full(len(theta), 1e-2)
    idle = np.zeros(len(theta), dtype=int)
    enough = 1e-16 * len(design.x)  # residuals of 1e-8: runs without noise
    live = np.arange(len(theta))
    for _ in range(steps):
        # The scale of the curvature makes the damping independent of how many runs there are.
        roots, vectors = np.linalg.eigh(hessian[live])
        size = np.abs(roots).max(axis=1, keepdims=True)
        along = np.einsum("bij,bi->bj", vectors, gradient[live])
        step = -np.einsum("bij,bj->bi", vectors, along / (np.abs(roots) + (damping[live, None] + 1e-12) * size))
        step *= np.minimum(1.0, 1.0 / np.maximum(np.abs(step).max(axis=1, keepdims=True), 1e-300))
        trial = _inside(theta[live] + step)
        new_value, new_gradient, new_hessian = _terms(design, trial, weight[live], delta)
        gain = value[live] - new_value
        better = gain > 0
        moved = live[better]
        theta[moved], value[moved] = trial[better], new_value[better]
        gradient[moved], hessian[moved] = new_gradient[better], new_hessian[better]
        damping[moved] = np.maximum(damping[moved] / 4, 1e-10)
        damping[live[~better]] *= 6
        small = (gain < 1e-9 * np.abs(value[live]) + enough) & (better | (damping[live] > 1e2))
        idle[live] = np.where(small, idle[live] + 1, np.where(better, 0, idle[live]))
        live = live[(idle[live] < 3) & (damping[live] < 1e8)]
        if not len(live):
            break
    return theta, value


def _inside(theta: Floats) -> Floats:
    theta[:, :3] = np.maximum(theta[:, :3], _LEAST_LOG)
    theta[:, 3:] = np.clip(theta[:, 3:], LEAST_EXPONENT, MOST_EXPONENT)
    return theta


def predicted(design: Design, theta: Floats) -> Floats:
    """Log loss (less its mean) at the runs, shape (fits, runs), for parameters of shape (fits, 5)."""
    return _shares(design, theta)[1]


def jacobian(design: Design, theta: Floats) -> Floats:
    """Derivatives of the predicted log loss of one law, shape (runs, 5)."""
    (p, q, r), _ = _shares(design, theta[None])
    return np.stack([p[0], q[0], r[0], -p[0] * design.x, -q[0] * design.y], axis=1)


def _shares(design: Design, theta: Floats) -> tuple[list[Floats], Floats]:
    a, b, e, alpha, beta = (theta[:, [i]] for i in range(5))
    first, second = a - alpha * design.x, b - beta * design.y
    top = np.maximum(np.maximum(first, second), e)
    parts = [np.exp(term - top) for term in (first, second, e)]
    total = parts[0] + parts[1] + parts[2]
    return [part / total for part in parts], top + np.log(total)


def _terms(design: Design, theta: Floats, weight: Floats, delta: float) -> tuple[Floats, Floats, Floats]:
    """Objective (fits,), gradient (fits, 5) and Hessian (fits, 5, 5)."""
    (p, q, r), fitted = _shares(design, theta)
    residual = fitted - design.z
    size = np.abs(residual)
    inner = size <= delta
    huber = np.where(inner, 0.5 * residual**2, 0.0 if np.isinf(delta) else delta * (size - 0.5 * delta))
    pull = weight * np.clip(residual, -delta, delta)
    bend = weight * inner - pull
    # Columns of the Jacobian: shares of the terms, times −x and −y for the exponents.
    x, y = design.x, design.y
    pull_p, pull_q = pull * p, pull * q
    gradient = np.stack([pull_p.sum(1), pull_q.sum(1), (pull * r).sum(1), -(pull_p @ x), -(pull_q @ y)], axis=1)
    xx, yy, xy = x * x, y * y, x * y
    pp, qq, pq, pr, qr = bend * p * p + pull_p, bend * q * q + pull_q, bend * p * q, bend * p * r, bend * q * r
    rr = bend * r * r + pull * r
    hessian = np.empty((len(theta), 5, 5))
    entries = {
        (0, 0): pp.sum(1), (0, 1): pq.sum(1), (0, 2): pr.sum(1), (0, 3): -(pp @ x), (0, 4): -(pq @ y),
        (1, 1): qq.sum(1), (1, 2): qr.sum(1), (1, 3): -(pq @ x), (1, 4): -(qq @ y),
        (2, 2): rr.sum(1), (2, 3): -(pr @ x), (2, 4): -(qr @ y),
        (3, 3): pp @ xx, (3, 4): pq @ xy, (4, 4): qq @ yy,
    }  # fmt: skip
    for (i, j), entry in entries.items():
        hessian[:, i, j] = hessian[:, j, i] = entry
    return cast("Floats", (weight * huber).sum(1)), gradient, hessian
