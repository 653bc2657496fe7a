"""Regression with a covariance matrix and an unknown constant mean, in closed form.

The constant has a flat prior (Rasmussen & Williams 2006, "Gaussian Processes for Machine Learning", section 2.7), which
replaces the precision matrix C⁻¹ by P = C⁻¹ − C⁻¹1(1ᵀC⁻¹1)⁻¹1ᵀC⁻¹. Row i predicted from the others is then
yᵢ − (Py)ᵢ/Pᵢᵢ with variance 1/Pᵢᵢ, without refitting (Dubrule 1983, "Cross validation of kriging in a unique
neighborhood").
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import linalg  # pyright: ignore[reportMissingTypeStubs]

Floats = NDArray[np.float64]
_linalg = cast("Any", linalg)
_cholesky: Callable[..., Floats] = _linalg.cholesky
_cho_solve: Callable[[tuple[Floats, bool], Floats], Floats] = _linalg.cho_solve


@dataclass(frozen=True, slots=True)
class Solved:
    """The covariance matrix of the training rows, noise included, solved for their values."""

    inverse: Floats
    """C⁻¹, shape (rows, rows)."""
    ones: Floats
    """C⁻¹1."""
    precision: Floats
    """P."""
    residual: Floats
    """Py, shape (rows,)."""
    mean: float
    """The constant: generalised least squares."""
    restricted: float
    """Minus log marginal likelihood, the constant integrated out, without its own constant (equation 2.45)."""

    def predict(self, cross: Floats) -> Floats:
        """Means at points whose covariance with the training rows is `cross`, shape (points, rows)."""
        return self.mean + cross @ self.residual

    def reduction(self, cross_a: Floats, cross_b: Floats) -> Floats:
        """What the data take off the covariance between points a and b, shape (len(a), len(b))."""
        open_a, open_b = 1 - cross_a @ self.ones, 1 - cross_b @ self.ones
        return cross_a @ self.inverse @ cross_b.T - np.outer(open_a, open_b) / self.ones.sum()

    def variance_reduction(self, cross: Floats) -> Floats:
        """The diagonal of `reduction(cross, cross)`, shape (points,)."""
        return np.einsum("ij,ij->i", cross @ self.inverse, cross) - (1 - cross @ self.ones) ** 2 / self.ones.sum()


def solve(covariance: Floats, values: Floats) -> Solved:
    """Solve for `values`, shape (rows,). Raises `numpy.linalg.LinAlgError` if `covariance` is not positive definite."""
    lower = _cholesky(covariance, lower=True)
    inverse = _cho_solve((lower, True), np.eye(len(values)))
    ones = np.asarray(inverse.sum(axis=1))
    precision = inverse - np.outer(ones, ones) / ones.sum()
    residual = precision @ values
    restricted = 0.5 * float(values @ residual) + float(np.log(np.diag(lower)).sum()) + 0.5 * float(np.log(ones.sum()))
    return Solved(inverse, ones, precision, residual, float(ones @ values / ones.sum()), restricted)
