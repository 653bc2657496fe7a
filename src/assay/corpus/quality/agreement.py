"""How far two who graded the same things agree: weighted kappa.

Cohen (1968), with the large-sample error of Fleiss, Cohen and Everitt (1969).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

Z95 = 1.959963984540054


@dataclass(frozen=True)
class Agreement:
    """Weighted kappa with its 95% interval: 1 is full agreement, 0 that of chance.

    Attributes:
        n: things that both graded.
        exact: share with equal grades.
        near: share with grades that differ by one at most.
        kappa, lo, hi: None where it is not defined: fewer than two things, or both gave one and the same grade only.
    """

    n: int
    exact: float
    near: float
    kappa: float | None
    lo: float | None
    hi: float | None


def agreement(ones: Sequence[int], others: Sequence[int], power: float = 2.0) -> Agreement:
    """Agreement of two lists of grades of the same things.

    Args:
        power: disagreement counts as the difference of grades to this power: 2 is the usual quadratic weighting, with
            which kappa is an intraclass correlation; 1 is the linear one.
    """
    a, b = np.asarray(ones, np.int64), np.asarray(others, np.int64)
    n = len(a)
    if n == 0:
        return Agreement(0, 0.0, 0.0, None, None, None)
    exact, near = float((a == b).mean()), float((abs(a - b) <= 1).mean())
    low, high = int(min(a.min(), b.min())), int(max(a.max(), b.max()))
    if n < 2 or low == high:
        return Agreement(n, exact, near, None, None, None)
    grades = np.arange(high - low + 1)
    share_ab = np.zeros((len(grades), len(grades)))
    np.add.at(share_ab, (a - low, b - low), 1 / n)
    weight_ab = 1 - (abs(grades[:, None] - grades[None, :]) / (high - low)) ** power
    rows, columns = share_ab.sum(1), share_ab.sum(0)
    seen, chance = float((weight_ab * share_ab).sum()), float(rows @ weight_ab @ columns)
    kappa = (seen - chance) / (1 - chance)
    means_ab = (weight_ab @ columns)[:, None] + (rows @ weight_ab)[None, :]
    spread = (share_ab * (weight_ab - means_ab * (1 - kappa)) ** 2).sum() - (kappa - chance * (1 - kappa)) ** 2
    error = sqrt(max(float(spread), 0.0) / n) / (1 - chance)
    return Agreement(n, exact, near, kappa, max(-1.0, kappa - Z95 * error), min(1.0, kappa + Z95 * error))
