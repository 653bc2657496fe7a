"""Intervals for numbers of observations that were fixed in advance."""

import math
from typing import cast

from scipy import special  # pyright: ignore[reportMissingTypeStubs]


def student_half_width(n: int, deviation: float, level: float = 0.05) -> float:
    """Half the width of the 1 − level interval for a mean (Student 1908).

    Exact for independent Gaussian values, and only if nothing about the values decided how many there would be.

    Args:
        n: number of values, at least two.
        deviation: their standard deviation (divisor n − 1).
    """
    assert n >= 2
    quantile = cast("float", special.stdtrit(n - 1, 1 - level / 2))
    return float(quantile) * deviation / math.sqrt(n)


def exact_interval(hits: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Confidence interval of a probability, both tails equal (Clopper & Pearson 1934); 0 to 1 without trials."""
    tail = (1 - confidence) / 2
    low = special.betaincinv(hits, trials - hits + 1, tail) if hits else 0.0
    high = special.betaincinv(hits + 1, trials - hits, 1 - tail) if hits < trials else 1.0
    return float(low), float(high)
