"""Student's interval for a mean of a number of values that was fixed in advance."""

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
