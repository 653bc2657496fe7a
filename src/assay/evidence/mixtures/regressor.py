"""What every regression from mixture weights to a measured value can do.

To add one: a file beside this one, a line in `spec/registry.py` (kind `mixture_regressor`), and
`tests/conformance/test_mixture_regressor.py` tests it with the others.
"""

from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Prediction:
    """Predicted values, shape (points,) each, in units of the target."""

    mean: Floats
    sd: Floats
    """Of one new run's measured value: uncertainty of the regression and noise of a run together."""
    sd_mean: Floats
    """Of the value without a run's noise."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Each training row predicted from the others."""

    method: str
    mean: Floats
    sd: Floats


class Predictor(Protocol):
    """What predicts values of mixtures."""

    def predict(self, weights: Floats) -> Prediction:
        """Predict mixtures, shape (points, domains)."""
        ...

    def left_out(self) -> LeftOut:
        """Predict each training row without it."""
        ...

    def covariance(self, a: Floats, b: Floats) -> Floats | None:
        """Covariance of the values without noise at mixtures `a` and `b`, shape (len(a), len(b)).

        None for a regression that has none.
        """
        ...

    def prior_sd(self, weights: Floats) -> Floats | None:
        """What `sd_mean` would be with no data but the overall mean, shape (points,); None if that has no meaning."""
        ...


class Regressor(Predictor, Protocol):
    """A regression fitted to the values of one target."""

    @classmethod
    def fit(cls, weights: Floats, values: Floats, seed: int = 0) -> Self:
        """Fit.

        Args:
            weights: shape (rows, domains), rows add up to one.
            values: shape (rows,), not all equal.
            seed: of every random number.
        """
        ...

    @classmethod
    def restore(cls, state: dict[str, Any], weights: Floats, values: Floats) -> Self:
        """Rebuild from `state` and the data it was fitted to."""
        ...

    def state(self) -> dict[str, Any]:
        """What was learned, as JSON."""
        ...
