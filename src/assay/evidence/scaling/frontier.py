"""Chinchilla's first approach: the least loss at each compute, and a curve through it.

Hoffmann et al. 2022, section 3.1: of all runs and checkpoints only those count that no other run beats with as little
compute. Through this lower envelope goes L = E + a·C^−b.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.evidence.scaling.law import student_stretch
from assay.evidence.scaling.power import LEAST_EXPONENT, MOST_EXPONENT, fit_power, power_loss
from assay.spec.errors import UserError

Floats = NDArray[np.float64]

#: Fewest envelope points for a curve of three parameters and something left to judge it by.
FEWEST = 5
#: Bins of equal log compute, of which each gives its least loss (a run just cheaper than its neighbour is no news).
_BINS_PER_DECADE = 6


@dataclass(frozen=True, slots=True)
class Frontier:
    """The least loss for each compute."""

    places: tuple[int, ...]
    """Which of the given runs lie on the envelope, by rising compute."""
    flops: Floats
    losses: Floats
    E: float
    a: float
    """The reducible loss at `centre`."""
    b: float
    centre: float
    """FLOPs at which `a` is given: the geometric mean of the envelope's."""
    resampled: Floats
    """E, a and b of each resample, shape (resamples, 3)."""
    untold: str | None
    """Why the curve cannot be told from these points; None if it can."""

    def interval(self, place: int) -> tuple[float, float]:
        """95% interval of E, a or b (0, 1, 2)."""
        low, high = np.quantile(self.resampled[:, place], [0.025, 0.975])
        return float(low), float(high)

    def loss(self, flops: Floats) -> tuple[Floats, Floats, Floats]:
        """The curve and the ends of its 95% interval at the given computes."""
        middle = power_loss(np.array([[self.E, self.a, self.b]]), self.centre, flops)[0]
        low, high = np.quantile(power_loss(self.resampled, self.centre, flops), [0.025, 0.975], axis=0)
        return middle, low, high


def envelope(flops: Floats, losses: Floats) -> list[int]:
    """The runs that no run of less or equal compute beats, the best of each sixth of a decade, by rising compute."""
    best = np.inf
    found: dict[int, int] = {}
    for i in np.lexsort((losses, flops)).tolist():
        if losses[i] < best:
            best = float(losses[i])
            found[int(np.floor(_BINS_PER_DECADE * np.log10(flops[i] / flops.min())))] = i
    return list(found.values())


def frontier(flops: Floats, losses: Floats, name: str = "runs", resamples: int = 1000, seed: int = 0) -> Frontier:
    """The envelope and the curve through it, with 95% intervals from resampled residuals (t-stretched, `law.fit`).

    A minimum over noisy runs is a little too low, the more so the more runs compete: the curve is of the luckiest.

    Raises:
        UserError: fewer than five points lie on the envelope.
    """
    places = envelope(flops, losses)
    x, y = flops[places], losses[places]
    if len(places) < FEWEST:
        raise UserError(
            f"{name}: only {len(places)} runs have the least loss for their compute; a curve through the frontier "
            f"needs at least {FEWEST}, a sixth of a decade of compute apart"
        )
    best = fit_power(x, y[None])
    centre = float(np.exp(np.log(x).mean()))
    through = power_loss(best, centre, x)[0]
    free = len(places) - 3
    residuals = (y / through - 1) * student_stretch(free, len(places))
    drawn = np.random.default_rng(seed).choice(residuals, size=(resamples, len(places)))
    again = fit_power(x, through * np.maximum(1 + drawn, 0.05))
    low, high = np.quantile(again[:, 2], [0.025, 0.975])
    untold = None
    if low <= LEAST_EXPONENT * 1.05 or high >= MOST_EXPONENT * 0.95:
        untold = "the exponent's interval has no end: more compute between the least and the most is needed"
    e, a, b = (float(value) for value in best[0])
    return Frontier(tuple(places), x, y, e, a, b, centre, again, untold)
