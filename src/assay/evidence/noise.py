"""The noise of paired differences, pooled over comparisons: what planning and researchers reckon with."""

import math
from collections.abc import Iterable

from assay.spec.verdict import Evidence


def pooled_deviation(groups: Iterable[tuple[int, float]]) -> float | None:
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


def noise_percent(comparisons: Iterable[Evidence], calibrated: Iterable[tuple[int, float]] = ()) -> float | None:
    """Pooled deviation of one paired difference, in per cent of the champion's score; None if nothing is known yet.

    Per cent, so that comparisons at different scales and against different champions can be pooled. Comparisons with
    a diverged candidate carry no deviation and are left out.

    Args:
        calibrated: (number of pairs, deviation in per cent) of each change that a calibration measured.
    """
    measured = (
        (len(evidence.pairs), 100.0 * evidence.deviation / evidence.champion_score)
        for evidence in comparisons
        if evidence.deviation is not None and evidence.champion_score
    )
    return pooled_deviation((*measured, *calibrated))
