"""The noise of paired differences, pooled over comparisons: what planning and researchers reckon with."""

import math
from collections.abc import Iterable


def pooled_deviation(groups: Iterable[tuple[float, float]]) -> float | None:
    """Root mean square of standard deviations, weighted by their degrees of freedom n − 1.

    Args:
        groups: (number of values, standard deviation with divisor n − 1) of each comparison.

    Returns:
        The pooled deviation, or None while no group has two values.
    """
    squares = degrees = 0.0
    for n, sd in groups:
        if n > 1:
            squares += (n - 1) * sd * sd
            degrees += n - 1
    return math.sqrt(squares / degrees) if degrees else None
