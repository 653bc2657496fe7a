"""How far two who graded the same things agree: weighted kappa.

Cohen (1968), with the large-sample error of Fleiss, Cohen and Everitt (1969). That error is zero where all grades are
equal, and far too small below thirty or so of them. Its interval is therefore taken around a table to which z²/2
observations of mere chance were added, in proportion to the product of its margins (Fienberg and Holland 1973,
"Simultaneous estimation of multinomial cell probabilities"), as Agresti and Coull (1998) do it for a proportion, and
with Student's quantile. With many grades it is the large-sample interval.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.stats import t as student

#: z²/2 of 95%: observations of chance that the interval adds.
ADDED = 1.92


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
    table_ab = np.zeros((len(grades), len(grades)))
    np.add.at(table_ab, (a - low, b - low), 1)
    weight_ab = 1 - (abs(grades[:, None] - grades[None, :]) / (high - low)) ** power
    kappa, _ = _kappa(table_ab, weight_ab)
    chance_ab = np.outer(table_ab.sum(1), table_ab.sum(0)) / n**2
    middle, error = _kappa(table_ab + ADDED * chance_ab, weight_ab)
    half = float(student.ppf(0.975, n - 1)) * error
    lo, hi = min(kappa, middle - half), max(kappa, middle + half)
    return Agreement(n, exact, near, kappa, max(-1.0, lo), min(1.0, hi))


def _kappa(table_ab: np.ndarray, weight_ab: np.ndarray) -> tuple[float, float]:
    """Weighted kappa of a table of counts, and its large-sample error."""
    n = table_ab.sum()
    share_ab = table_ab / n
    rows, columns = share_ab.sum(1), share_ab.sum(0)
    seen, chance = float((weight_ab * share_ab).sum()), float(rows @ weight_ab @ columns)
    kappa = (seen - chance) / (1 - chance)
    means_ab = (weight_ab @ columns)[:, None] + (rows @ weight_ab)[None, :]
    spread = (share_ab * (weight_ab - means_ab * (1 - kappa)) ** 2).sum() - (kappa - chance * (1 - kappa)) ** 2
    return kappa, sqrt(max(float(spread), 0.0) / n) / (1 - chance)
