"""What earlier tests say about the noise of the next one: a pooled deviation with honest degrees of freedom.

Only futility and planning rest on it; a promotion never assumes a deviation (`assay.evidence.sequential`).

Two things make a pooled variance say less about the next test than its degrees of freedom claim, and both are taken
off them:

* Kinds of change differ in their noise (0.4% of the loss for a learning rate, 1.4% for an activation, on the same
  seeds). If tests' variances σ² scatter like ν·s²/χ²(ν) around their common size, ν is what one earlier test is worth
  for the next, however many there are (Smyth 2004, "Linear models and empirical Bayes methods for assessing
  differential expression in microarray experiments"). ν comes from the scatter of the observed variances by moments:
  with d degrees of freedom, E s⁴ = E σ⁴·(1 + 2/d), and E σ⁴/(E σ²)² = 1 + 2/(ν − 4).
* Tests against one champion share its runs. Half of a difference's variance is the champion's, so two tests' squares
  on the same seed are correlated by 1/4, and k tests of one generation count as k/(1 + (k − 1)/4).

The two add as variances do: the logarithm of a variance with ν degrees of freedom has a variance of about 2/ν.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from assay.evidence.sequential import Noise, moments

#: Relative variance of σ² over tests that is believed before any scatter was seen, and the degrees of freedom that
#: outweigh the belief: ν = 8, so that noise twice or half of what was thought is still likely.
BELIEVED_SCATTER, BELIEF = 0.5, 50.0
#: Degrees of freedom below which nothing is said.
LEAST_DEGREES = 3.0
#: Standard errors below 0 from which a pooled skewness counts as real.
CLEARLY_SKEWED = 2.0
#: Correlation of squared differences of two tests that share the champion's runs.
SHARED = 0.25


@dataclass(slots=True)
class Pool:
    """Deviations of paired differences of closed tests at one scale, in a common unit (per cent of the score)."""

    degrees: float = 0.0
    squares: float = 0.0
    """Σ d·s²"""
    fourths: float = 0.0
    """Σ d·s⁴/(1 + 2/d), whose expectation is Σ d·E σ⁴"""
    cubes: float = 0.0
    """Σ (d − mean)³ over all tests"""
    cube_weight: float = 0.0
    """Σ (n−1)(n−2)/n, by which the expectation of `cubes` exceeds the third central moment"""
    generations: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])
    """Tests and degrees of freedom of each generation."""

    def add(self, generation: int, differences: Sequence[float]) -> None:
        """Take in a test's differences; a single one and copies of one observation say nothing."""
        n, mean, sd = moments(differences)
        if n < 2 or sd <= 0.0:
            return
        self.cubes += math.fsum([(d - mean) ** 3 for d in differences])
        self.cube_weight += (n - 1) * (n - 2) / n
        self.include(generation, n, sd)

    def include(self, generation: int, n: int, sd: float) -> None:
        """Take in a deviation of n ≥ 2 differences that were measured elsewhere."""
        if n < 2 or sd <= 0.0:
            return
        d = n - 1
        self.degrees += d
        self.squares += d * sd**2
        self.fourths += d * sd**4 / (1 + 2 / d)
        tests, degrees = self.generations.get(generation, (0, 0))
        self.generations[generation] = tests + 1, degrees + d

    def copy(self) -> "Pool":
        return replace(self, generations=dict(self.generations))

    def noise(self) -> Noise | None:
        """The prior for the next test's deviation, whole degrees of freedom; None while too little is known."""
        if self.degrees < LEAST_DEGREES:
            return None
        variance = self.squares / self.degrees
        seen = self.fourths / self.degrees / variance**2 - 1
        scatter = max(0.0, (self.degrees * seen + BELIEF * BELIEVED_SCATTER) / (self.degrees + BELIEF))
        worth = sum(d / (1 + SHARED * (tests - 1)) for tests, d in self.generations.values())
        between = 4 + 2 / scatter if scatter else math.inf
        # The mean of σ² is ν/(ν − 2) times the square of the prior's size.
        size = variance * (1 - 2 / between)
        return Noise(math.sqrt(size), math.floor(1 / (1 / between + 1 / worth)))

    @property
    def size(self) -> float:
        """Root mean square deviation; 0 while there is none."""
        return math.sqrt(self.squares / self.degrees) if self.degrees else 0.0

    @property
    def deviation(self) -> float | None:
        """The pooled deviation, for quoting; None while too little is known."""
        return self.size if self.degrees >= LEAST_DEGREES else None

    @property
    def skewness(self) -> float:
        """Skewness of the differences if it is clearly to the worse side, else 0.

        The ratio of sums is unbiased in its numerator, and its standard error for Gaussian differences is
        √(6/Σ(n−1)(n−2)/n), the weighted mean of Fisher's third k-statistics.
        """
        if self.degrees < LEAST_DEGREES or self.cube_weight <= 0.0:
            return 0.0
        found = self.cubes / self.cube_weight / (self.squares / self.degrees) ** 1.5
        return found if found < -CLEARLY_SKEWED * math.sqrt(6 / self.cube_weight) else 0.0
