"""Regression on ordered grades: the proportional odds model, which for two grades is logistic regression.

P(grade ≥ level k | x) = σ(w·x − θ_k) with θ_1 < θ_2 < … (McCullagh 1980, "Regression models for ordinal data"), so one
direction w ranks all texts, and the thresholds θ turn the rank into calibrated chances. Weights are held down by
λ/2·|w|²; the thresholds are free.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit

_CURVATURE = 0.1  # of a label's log-likelihood by its rank, about


@dataclass(frozen=True)
class Fit:
    """Weights and thresholds of a fitted model.

    Attributes:
        weights: (F,) float64.
        thresholds: (L−1,) ascending, one between each two of the L levels.
    """

    weights: np.ndarray
    thresholds: np.ndarray

    def chances(self, ranks: np.ndarray) -> np.ndarray:
        """P(level ≥ k) for k = 1 … L−1, (N, L−1), from ranks w·x (N,)."""
        return expit(ranks[:, None] - self.thresholds[None, :])


def fit(features: np.ndarray, places: np.ndarray, levels: int, penalty: float, start: Fit | None = None) -> Fit:
    """Fit by penalised maximum likelihood.

    Args:
        features: (N, F).
        places: (N,) place of each label among the levels, 0 … levels − 1; every level occurs.
        penalty: λ, in units of one label's log-likelihood.
        start: where to begin, for a quicker way to the same optimum.
    """
    width = features.shape[1]
    # Weights are sought in units in which the curvature is about the same in all directions: far fewer steps.
    unit = 1 / np.sqrt(_CURVATURE * (features**2).sum(0) + penalty)
    scaled = features * unit
    if start is None:
        below = np.cumsum(np.bincount(places, minlength=levels))[:-1] / len(places)
        start = Fit(np.zeros(width), np.log(below / (1 - below)))
    first = np.concatenate((start.weights / unit, _steps(start.thresholds)))

    def objective(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        found, steps = parameters[:width], parameters[width:]
        loss, by_rank, by_threshold = _loss(scaled @ found, _thresholds(steps), places)
        pull = penalty * unit**2 * found
        gradient = np.empty_like(parameters)
        gradient[:width] = by_rank @ scaled + pull
        # θ_k is the first step and the exponentials of the later ones, up to k.
        gradient[width:] = np.cumsum(by_threshold[::-1])[::-1]
        gradient[width + 1 :] *= np.exp(steps[1:])
        return loss + float(found @ pull) / 2, gradient

    options = {"maxiter": 1000, "maxcor": 20, "ftol": 1e-9, "gtol": 1e-4}
    found = minimize(objective, first, jac=True, method="L-BFGS-B", options=options).x
    return Fit(found[:width] * unit, _thresholds(found[width:]))


def log_loss(fitted: Fit, ranks: np.ndarray, places: np.ndarray) -> float:
    """Mean of −log P(label) over labels."""
    return _loss(ranks, fitted.thresholds, places)[0] / len(places)


def _loss(ranks: np.ndarray, thresholds: np.ndarray, places: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """−Σ log P(label), and its derivatives by the ranks (N,) and the thresholds (L−1,).

    P = σ(a) − σ(b) with a = w·x − θ_(lower bound) and b = w·x − θ_(upper bound), and σ(a) − σ(b) =
    σ(a)·σ(−b)·(1 − e^(b−a)), of which each factor keeps its digits.
    """
    ends = np.concatenate(([-np.inf], thresholds, [np.inf]))
    a, b = ranks - ends[places], ranks - ends[places + 1]
    gap = np.exp(b - a)  # 0 at the lowest and highest level
    share = gap / -np.expm1(b - a)
    by_a, by_b = expit(-a) + share, -expit(b) - share
    by_threshold = np.bincount(places, by_a, len(ends))[1:-1] + np.bincount(places + 1, by_b, len(ends))[1:-1]
    loss = -(log_expit(a) + log_expit(-b) + np.log(-np.expm1(b - a))).sum()
    return float(loss), -(by_a + by_b), by_threshold


def _thresholds(steps: np.ndarray) -> np.ndarray:
    return np.cumsum(np.concatenate((steps[:1], np.exp(steps[1:]))))


def _steps(thresholds: np.ndarray) -> np.ndarray:
    return np.concatenate((thresholds[:1], np.log(np.maximum(np.diff(thresholds), 1e-6))))
