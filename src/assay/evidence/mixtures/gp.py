"""Gaussian process with automatic relevance determination on the square roots of the weights: the default.

Square roots, because a loss changes most while a domain's weight is small: the first per cent of a domain teaches
more than the tenth. Straight distance between square roots is Hellinger's distance between mixtures. Each domain has a
length scale of its own ("automatic relevance determination"; Neal 1996, "Bayesian Learning for Neural Networks"): a
domain that does not matter gets a long one. The kernel is Matérn's with ν = 5/2 (Rasmussen & Williams 2006, equation
4.17): twice differentiable, and less rash than the squared exponential. The mean is one unknown constant, integrated
out (`dense.py`); a linear trend besides did not raise the marginal likelihood on RegMix's tables.

Length scales, signal and noise maximise the marginal likelihood, with weak log-normal priors on them, which matter only
where rows are few (about as many as domains). Analytic gradients, several starts. The values are standardised.
"""

import math
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from assay.evidence.mixtures.dense import Solved, solve
from assay.evidence.mixtures.regressor import LeftOut, Prediction

Floats = NDArray[np.float64]

#: Rows that the search for hyperparameters looks at; more, drawn at random, tell them hardly better and cost the cube.
MOST_SEARCHED = 800
#: Starts of the search for hyperparameters.
STARTS = 3
#: Log-normal prior of a length scale: median and deviation of the logarithm. Square roots of weights lie in [0, 1].
LENGTH_MEDIAN, LENGTH_SPREAD = 1.0, 1.0
#: The same for signal and noise, in standard deviations of the values.
SIGNAL_MEDIAN, NOISE_MEDIAN, SIZE_SPREAD = 1.0, 0.1, 1.5
#: Limits of log length scales, log signal and log noise, where the likelihood has long been flat.
LENGTH_LIMITS, SIGNAL_LIMITS, NOISE_LIMITS = (-5.0, 7.0), (-4.0, 5.0), (-6.0, 1.0)


class GaussianProcess:
    """See the module. `log_lengths` has shape (domains,); `log_signal` and `log_noise` are in standardised units."""

    def __init__(self, parameters: Floats, weights: Floats, values: Floats) -> None:
        self.parameters = parameters
        self.points = np.sqrt(weights)
        self.centre, self.unit = _standard(values)
        self.solved: Solved = solve(_covariance(parameters, self.points), (values - self.centre) / self.unit)
        self.values = values

    @classmethod
    def fit(cls, weights: Floats, values: Floats, seed: int = 0) -> Self:
        """Maximise the marginal likelihood; see `Regressor.fit`."""
        from scipy import optimize  # pyright: ignore[reportMissingTypeStubs]

        minimise = cast("Any", optimize).minimize
        rng = np.random.default_rng(seed)
        rows = np.arange(len(values))
        if len(rows) > MOST_SEARCHED:
            rows = np.sort(rng.choice(rows, MOST_SEARCHED, replace=False))
        points = np.sqrt(weights[rows])
        centre, unit = _standard(values)
        standardised = (values[rows] - centre) / unit
        domains = points.shape[1]
        middle = np.array([math.log(LENGTH_MEDIAN)] * domains + [math.log(SIGNAL_MEDIAN), math.log(NOISE_MEDIAN)])
        limits = [LENGTH_LIMITS] * domains + [SIGNAL_LIMITS, NOISE_LIMITS]
        best: Any = None
        for start in range(STARTS):
            # The prior's middle, then rougher and noisier guesses around it.
            guess = middle if start == 0 else middle + rng.normal(0, 0.7, len(middle)) - 0.5 * (start % 2)
            found = minimise(
                objective, guess, args=(points, standardised), jac=True, method="L-BFGS-B", bounds=limits,
                options={"maxiter": 200, "ftol": 1e-8},
            )  # fmt: skip
            if best is None or found.fun < best.fun:
                best = found
        return cls(np.asarray(best.x, dtype=np.float64), weights, values)

    @classmethod
    def restore(cls, state: dict[str, Any], weights: Floats, values: Floats) -> Self:
        """See `Regressor.restore`."""
        numbers = [*state["log_lengths"], state["log_signal"], state["log_noise"]]
        return cls(np.array(numbers, dtype=np.float64), weights, values)

    def state(self) -> dict[str, Any]:
        """See `Regressor.state`."""
        *lengths, signal, noise = (float(x) for x in self.parameters)
        return {"log_lengths": lengths, "log_signal": signal, "log_noise": noise}

    def predict(self, weights: Floats) -> Prediction:
        """See `Regressor.predict`."""
        cross = self._cross(weights)
        _, signal, noise = _split(self.parameters)
        variance = np.maximum(signal**2 - self.solved.variance_reduction(cross), 0)
        mean = self.centre + self.unit * self.solved.predict(cross)
        return Prediction(mean, self.unit * np.sqrt(variance + noise**2), self.unit * np.sqrt(variance))

    def left_out(self) -> LeftOut:
        """See `Regressor.left_out`; hyperparameters stay those of all rows."""
        own = np.diag(self.solved.precision)
        mean = self.values - self.unit * self.solved.residual / own
        return LeftOut("leave-one-out, in closed form", mean, self.unit / np.sqrt(own))

    def covariance(self, a: Floats, b: Floats) -> Floats:
        """See `Regressor.covariance`."""
        _, signal, _ = _split(self.parameters)
        between = signal**2 * _kernel(self.parameters, np.sqrt(a), np.sqrt(b))[0]
        return self.unit**2 * (between - self.solved.reduction(self._cross(a), self._cross(b)))

    def prior_sd(self, weights: Floats) -> Floats:
        """See `Regressor.prior_sd`."""
        return np.full(len(weights), self.unit * _split(self.parameters)[1])

    def _cross(self, weights: Floats) -> Floats:
        _, signal, _ = _split(self.parameters)
        return signal**2 * _kernel(self.parameters, np.sqrt(weights), self.points)[0]


def objective(parameters: Floats, points: Floats, values: Floats) -> tuple[float, Floats]:
    """Minus log of marginal likelihood times prior, and its gradient.

    Args:
        parameters: logs of the length scales, of the signal's and of the noise's deviation, shape (domains + 2,).
        points: square roots of the weights, shape (rows, domains).
        values: standardised, shape (rows,).
    """
    lengths, signal, noise = _split(parameters)
    kernel, slope = _kernel(parameters, points, points)
    covariance = signal**2 * kernel
    covariance[np.diag_indices(len(values))] += noise**2
    try:
        solved = solve(covariance, values)
    except np.linalg.LinAlgError:  # rounding at extreme parameters: turn the search back
        return 1e12, np.zeros_like(parameters)
    # The derivative along θ is ½ tr(M ∂C/∂θ), M = P − Py(Py)ᵀ (Rasmussen & Williams, equation 5.9, with P for C⁻¹).
    inner = solved.precision - np.outer(solved.residual, solved.residual)
    gradient = np.empty_like(parameters)
    # ∂C/∂log ℓ is `slope`·(xᵢ − xⱼ)²/ℓ² for each domain; the squares are taken apart so that one matrix product
    # serves all domains.
    weighted = inner * slope * signal**2
    gradient[:-2] = (weighted.sum(axis=1) @ points**2 - np.einsum("ij,ij->j", points, weighted @ points)) / lengths**2
    gradient[-2] = float(np.sum(inner * kernel)) * signal**2
    gradient[-1] = float(np.trace(inner)) * noise**2
    off, spread = _prior(parameters)
    return solved.restricted + 0.5 * float(np.sum((off / spread) ** 2)), gradient + off / spread**2


def _prior(parameters: Floats) -> tuple[Floats, Floats]:
    """Distance of the parameters from the middle of their priors, and the priors' deviations."""
    domains = len(parameters) - 2
    middle = [math.log(LENGTH_MEDIAN)] * domains + [math.log(SIGNAL_MEDIAN), math.log(NOISE_MEDIAN)]
    return parameters - np.array(middle), np.array([LENGTH_SPREAD] * domains + [SIZE_SPREAD] * 2)


def _split(parameters: Floats) -> tuple[Floats, float, float]:
    """Length scales, deviation of the signal, deviation of the noise."""
    return np.exp(parameters[:-2]), math.exp(parameters[-2]), math.exp(parameters[-1])


def _standard(values: Floats) -> tuple[float, float]:
    return float(values.mean()), float(values.std())


def _covariance(parameters: Floats, points: Floats) -> Floats:
    _, signal, noise = _split(parameters)
    return signal**2 * _kernel(parameters, points, points)[0] + noise**2 * np.eye(len(points))


def _kernel(parameters: Floats, a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Matérn's correlation with ν = 5/2, and what times (aᵢ − bⱼ)²/ℓ² is its derivative along log ℓ."""
    lengths = _split(parameters)[0]
    a, b = a / lengths, b / lengths
    squared = np.maximum((a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2 * a @ b.T, 0)
    scaled = np.sqrt(5 * squared)
    decay = np.exp(-scaled)
    return (1 + scaled + 5 / 3 * squared) * decay, 5 / 3 * (1 + scaled) * decay
