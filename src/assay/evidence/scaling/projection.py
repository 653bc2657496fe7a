"""Variable projection: given α and β the loss is linear in A, B and E, so only the two exponents are searched.

Golub & Pereyra 1973 (see `scaling.starts`). The inner problem is non-negative least squares (Lawson & Hanson 1974,
"Solving Least Squares Problems"), on errors relative to the measured loss; the outer gradient is exact, because the
inner optimum does not move to first order. Nothing but squares: outliers pull at it fully, which makes it a second
opinion on the Huber fit rather than a better one.
"""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from assay.evidence.scaling.huber import LEAST_EXPONENT, MOST_EXPONENT, Design

Floats = NDArray[np.float64]

#: Coefficients that come out zero, in units of the mean loss, so that their logarithm exists.
_NOTHING = 1e-6


def minimise(design: Design, starts: Sequence[Floats], weights: Floats | None = None) -> tuple[Floats, float]:
    """The best fit from the given starts.

    Args:
        design: the runs.
        starts: parameters as `huber.minimise` takes them, of which only the exponents are used.
        weights: how often each run counts, shape (runs,).

    Returns:
        Parameters, shape (5,), as `huber.minimise` gives them, and the sum of squared relative errors.
    """
    from scipy import optimize  # pyright: ignore[reportMissingTypeStubs]

    loss = np.exp(design.z)
    root = np.ones(len(loss)) if weights is None else np.sqrt(weights)
    scaled = root / loss

    def inner(exponents: Floats) -> tuple[Floats, Floats, Floats]:
        columns = np.stack([np.exp(-exponents[0] * design.x), np.exp(-exponents[1] * design.y), np.ones(len(loss))])
        columns *= scaled
        coefficients = cast("Floats", cast("Any", optimize).nnls(columns.T, root)[0])
        return columns, coefficients, coefficients @ columns - root

    def outer(exponents: Floats) -> tuple[float, Floats]:
        columns, coefficients, error = inner(exponents)
        slopes = np.array(
            [-2 * coefficients[i] * (columns[i] * error) @ direction for i, direction in ((0, design.x), (1, design.y))]
        )
        return float(error @ error), slopes

    bounds = [(LEAST_EXPONENT, MOST_EXPONENT)] * 2
    solve = cast("Any", optimize).minimize
    options = {"ftol": 1e-13, "gtol": 1e-9}
    found = [solve(outer, start[3:], jac=True, bounds=bounds, method="L-BFGS-B", options=options) for start in starts]
    best = min(found, key=lambda result: float(result.fun))
    exponents = np.asarray(best.x, dtype=float)
    coefficients = np.maximum(inner(exponents)[1], _NOTHING)
    return np.concatenate([np.log(coefficients), exponents]), float(best.fun)
