"""Linear regression on the weights, with conjugate uncertainty: the simplest thing that could work, to compare with.

Value = constant + Σ (effect of a domain × its weight) + noise. The effects are Gaussian with a common deviation, in
units of the noise, that maximises the marginal likelihood (ridge regression with its penalty chosen by the data; MacKay
1992, "Bayesian Interpolation"); the constant has a flat prior and the noise's variance the prior 1/σ², so that both are
integrated out and predictions are Student's t (Gelman et al., "Bayesian Data Analysis", chapter 14).
"""

import math
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from assay.evidence.mixtures.dense import Solved, solve
from assay.evidence.mixtures.regressor import LeftOut, Prediction

Floats = NDArray[np.float64]

#: Limits of the log deviation of effects in units of the noise: from no effect at all to least squares.
LIMITS = (-6.0, 7.0)


class Linear:
    """See the module. `log_effect`: log of the effects' deviation over the noise's, for weights in standard units."""

    def __init__(self, log_effect: float, weights: Floats, values: Floats) -> None:
        self.log_effect = log_effect
        self.centre, self.unit = _scales(weights)
        self.points = self._standardised(weights)
        self.values = values
        self.offset = float(values.mean())
        self.solved: Solved = solve(_covariance(log_effect, self.points), values - self.offset)
        self.quadratic = float((values - self.offset) @ self.solved.residual)

    @classmethod
    def fit(cls, weights: Floats, values: Floats, seed: int = 0) -> Self:  # noqa: ARG003 nothing here is random
        """Choose the size of the effects by marginal likelihood; see `Regressor.fit`."""
        from scipy import optimize  # pyright: ignore[reportMissingTypeStubs]

        minimise = cast("Any", optimize).minimize_scalar
        centre, unit = _scales(weights)
        points = (weights - centre) / unit
        rest = values - values.mean()

        def minus_log_likelihood(log_effect: float) -> float:
            solved = solve(_covariance(log_effect, points), rest)
            quadratic = float(rest @ solved.residual)
            # The noise's variance integrated out: the quadratic form's logarithm takes the place of its half.
            return solved.restricted - 0.5 * quadratic + 0.5 * (len(rest) - 1) * math.log(quadratic)

        found = minimise(minus_log_likelihood, bounds=LIMITS, method="bounded", options={"xatol": 1e-3})
        return cls(float(found.x), weights, values)

    @classmethod
    def restore(cls, state: dict[str, Any], weights: Floats, values: Floats) -> Self:
        """See `Regressor.restore`."""
        return cls(float(state["log_effect"]), weights, values)

    def state(self) -> dict[str, Any]:
        """See `Regressor.state`."""
        return {"log_effect": self.log_effect}

    def predict(self, weights: Floats) -> Prediction:
        """See `Regressor.predict`."""
        cross = self._cross(weights)
        noise = self._noise_variance(len(self.values), self.quadratic)
        own = math.exp(2 * self.log_effect) * np.sum(self._standardised(weights) ** 2, axis=1)
        variance = noise * np.maximum(own - self.solved.variance_reduction(cross), 0)
        return Prediction(self.offset + self.solved.predict(cross), np.sqrt(variance + noise), np.sqrt(variance))

    def left_out(self) -> LeftOut:
        """See `Regressor.left_out`."""
        own = np.diag(self.solved.precision)
        without = self.solved.residual / own
        noise = self._noise_variance(len(self.values) - 1, self.quadratic - self.solved.residual * without)
        return LeftOut("leave-one-out, in closed form", self.values - without, np.sqrt(noise / own))

    def covariance(self, a: Floats, b: Floats) -> Floats:
        """See `Regressor.covariance`."""
        between = math.exp(2 * self.log_effect) * self._standardised(a) @ self._standardised(b).T
        noise = self._noise_variance(len(self.values), self.quadratic)
        return noise * (between - self.solved.reduction(self._cross(a), self._cross(b)))

    def prior_sd(self, weights: Floats) -> None:
        """Has no meaning here: a line is as sure far away as its slopes are."""

    @staticmethod
    def _noise_variance(rows: int, quadratic: Any) -> Any:
        """Variance of Student's t with rows − 1 degrees of freedom (at least 3, for it to have one)."""
        freedom = max(rows - 1, 3)
        return quadratic / (freedom - 2)

    def _standardised(self, weights: Floats) -> Floats:
        return (weights - self.centre) / self.unit

    def _cross(self, weights: Floats) -> Floats:
        return math.exp(2 * self.log_effect) * self._standardised(weights) @ self.points.T


def _scales(weights: Floats) -> tuple[Floats, Floats]:
    """Means of the columns and deviations, one where a column never varies."""
    unit = np.asarray(weights.std(axis=0))
    return np.asarray(weights.mean(axis=0)), np.where(unit > 0, unit, 1.0)


def _covariance(log_effect: float, points: Floats) -> Floats:
    """Of the rows, in units of the noise's variance."""
    return math.exp(2 * log_effect) * points @ points.T + np.eye(len(points))
