"""Paired sequential test with unknown variance: e-value, confidence sequence, futility, smallest detectable effect.

The data are differences d_1, d_2, … (champion minus candidate at the same seed; positive means better), summarised
by their number n, mean m and standard deviation s (divisor n − 1). The question is whether their expectation is
above zero. The answer may be looked at after every pair.

**The e-value.** Model d_i ~ N(δσ, σ²). The alternative mixes over δ ~ half-normal with variance g (`spread`; δ is
the effect in units of the deviation of one paired difference). Both hypotheses carry the right-Haar prior dσ/σ, so
that their ratio depends on the data through scale-free quantities alone. With ν = n − 1, t = m√n/s, A = 1 + ng and
w = t²/ν,

    BF₁₀ = A^(−1/2) · [(1 + w) / (1 + w/A)]^(n/2)              two-sided, δ ~ N(0, g)
    e_n  = 2 · BF₁₀ · T_n( m·n / ((n + 1/g)·scale) )           one-sided, δ ~ |N(0, g)|

where T_n is Student's distribution function with n degrees of freedom: under the two-sided alternative the
posterior of the expectation μ is Student t with n degrees of freedom, location nm/(n + 1/g) and
scale² = S/(n(n + 1/g)), S = (n−1)s² + nm²/A, so that restricting the prior to δ > 0 multiplies the Bayes factor by
P(μ > 0 | d) / P(δ > 0). (Rouder et al. 2009, "Bayesian t tests for accepting and rejecting the null hypothesis",
give the Bayes factor; the factor 2·T_n is checked in the tests against the double integral.)

**What is exact.** For independent Gaussian pairs with the same expectation and deviation:

* If δ = 0, (e_n), with e_1 = 1, is a nonnegative martingale with mean 1 in the filtration of the scale-free
  statistics t_2, t_3, … (Lai 1976, "On confidence sequences", with a flat mixture over μ; Wang & Ramdas 2024,
  "Anytime-valid t-tests and confidence sequences for Gaussian means with unknown variance", with the Gaussian one;
  Pérez-Ortiz, Lardy, de Heide & Grünwald 2024, "E-statistics, group invariance and anytime-valid testing", for
  groups in general). So P(sup_n e_n ≥ 1/α) ≤ α (Ville 1939), whatever the rule of stopping, and E[e_τ] ≤ 1 for each
  stopping time τ of that filtration.
* If δ < 0, the same holds: adding −δσ to every difference leaves s as it is and raises m, and e_n rises with m (each
  density ratio f_δ/f_0 of the noncentral t does), so e_n lies below such a martingale on every path.

**What is not.** E[e_τ] ≤ 1 can fail for a τ that looks at the differences' absolute size (Pérez-Ortiz et al. 2024;
Wang & Ramdas 2024) or at the sign of the first one alone. Therefore the rules that stop a test for a promotion or for
futility are scale-free here. Others (refuted as smaller than an absolute bound, budget, divergence) may still end a
test, provided that they only ever turn a promotion into none: then e_τ·1{promoted} is at most e at the scale-free
stop. Differences whose distribution changes with n, or that share randomness (the same champion run in two pairs),
are outside the model.

Non-Gaussian differences make all of it approximate, and skewness is what matters: with expectation 0 and 20 looks,
P(sup e ≥ 20) is 2.3% for Gaussian, 1.5% for t₃ and 3.6% for uniform differences, but 15% for exponential ones with the
long tail on the worse side: a change that is mostly a little better and now and then much worse looks good until the
bad seed comes. `sign_e_value` assumes no distribution, but asks another question (better more often than worse?), so it
is a note on robustness and no remedy for that.

**The choice g = 3.** Power is needed where e-LOND asks for thresholds of 33 (first proposal) to 80,000 (fiftieth),
with at most 20 pairs and true effects of one to two deviations. Simulated power with at most 20 pairs, and mean pairs
to the end (40,000 simulated tests each, without futility):

    threshold   effect   g = 0.25     g = 1        g = 3        g = 8
           33        1    88% 14.0     89% 12.2     86% 12.1     83% 12.5
           33      1.5   100% 10.4    100%  8.2    100%  7.7    100%  7.8
        1,000        1    28% 19.4     43% 18.2     42% 18.0     38% 18.2
        1,000      1.5    85% 16.9     93% 14.2     93% 13.7     91% 13.8
        1,000        2   100% 14.5    100% 11.3    100% 10.5    100% 10.4
       20,000      1.5    28% 19.7     61% 18.0     63% 17.5     60% 17.6
       20,000        2    79% 18.5     96% 15.2     97% 14.3     96% 14.2

Small g wastes pairs because e_n is at most 2·(1 + ng)^((n−1)/2) however clear the data; large g spreads the prior over
effects that nobody sees. Between g = 2 and g = 4 power differs by about two points at most and pairs by 0.3.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from scipy import special  # pyright: ignore[reportMissingTypeStubs]

SPREAD = 3.0
"""Prior variance g of the standardised effect."""

ALTERNATIVE = 1.0
"""Effect, in deviations of a paired difference, that a test whose noise is known is designed to find."""

CLEAR = 2.0
"""Largest effect that futility counts on, however much larger the smallest gain worth having is."""

FUTILE_AT = 0.24
"""Likelihood ratio of that effect against none below which such a test ends.

At a threshold of 2,000 and a cap of 40 pairs this finds 83% of effects of 1 at 4.3 pairs a null, with 30 degrees of
freedom. Where the champion was run on ten seeds and the arms are known to be uncorrelated over seeds, it is 83% at 3.5
pairs, and 80.5% at 3.4 on noise resampled from real logs. Chosen from 0.15 to 0.35 by these very simulations, the real
logs among them, so that both lie at 3.5 pairs or fewer: expect slightly less on other data. The bound for any test that
sees its pairs alone, even with σ known, is 80% at 3.5 (Wald 1945; benchmarks/evidence.py).
"""

_COPIES = 1e-9
"""Differences with a deviation below this fraction of their mean are copies of one another."""

_student_cdf = cast("Callable[[float, float], float]", special.stdtr)
_chi2_upper_quantile = cast("Callable[[float, float], float]", special.chdtri)


def moments(differences: Sequence[float]) -> tuple[int, float, float]:
    """Number, mean and standard deviation (divisor n − 1; 0 below two values)."""
    n = len(differences)
    if n == 0:
        return 0, 0.0, 0.0
    mean = math.fsum(differences) / n
    if n == 1:
        return 1, mean, 0.0
    return n, mean, math.sqrt(math.fsum([(d - mean) ** 2 for d in differences]) / (n - 1))


def e_value(n: int, mean: float, sd: float, spread: float = SPREAD) -> float:
    """Evidence against "the expectation is zero or less"; see the module for the formula and its warranty.

    One pair says nothing about its own deviation, so below two pairs the value is 1. Differences without any
    deviation have probability zero under the model; when they occur (a trainer that ignores its seed, a change
    without effect) they are one observation copied, and the value is 1 too, not the large number that the
    formula tends to.

    Args:
        n: number of pairs.
        mean, sd: mean and standard deviation (divisor n − 1) of the differences, in any common unit.
        spread: prior variance g of the effect in units of the deviation.
    """
    if n < 2 or sd <= _COPIES * abs(mean):
        return 1.0
    return _of_effect(n, mean / sd, spread)


def e_value_of(differences: Sequence[float], spread: float = SPREAD) -> float:
    """`e_value` of a sequence of differences."""
    return e_value(*moments(differences), spread)


def e_value_skewed(n: int, mean: float, sd: float, skewness: float, spread: float = SPREAD) -> float:
    """The e-value after half of a known skewness to the worse side (below 0) is taken out of the standardised mean.

    Hall 1992, "On the removal of skewness by transformation", equation 2.1, makes mean/sd = τ nearly symmetric by
    τ + γτ²/3 + γ²τ³/27 + γ/(6n). It rises with τ. With all of γ, effects of two deviations are no longer found; with
    γ = skewness/2, errors are back at the level and power is kept. Measured with 40 pairs, 40,000 tests each:

                                   P(sup e ≥ 2,000), nominal 0.05%    effects of 2 found
        differences                    plain    corrected              plain    corrected
        Gaussian                       0.01%        0.01%               100%         100%
        1 − exponential (γ = −2)       1.95%        0.04%               100%          98%
        4 − gamma(4)    (γ = −1)       0.28%        0.01%               100%         100%
        one in 20 pairs 6 sd worse     0.38%        0.00%               100%          98%

    The lesser of this and `e_value` is an e-value wherever `e_value` is one; a skewness of 0 or more changes nothing.
    """
    if n < 2 or sd <= _COPIES * abs(mean):
        return 1.0
    effect, gamma = mean / sd, min(0.0, 0.5 * skewness)
    corrected = effect + gamma * effect**2 / 3 + gamma**2 * effect**3 / 27 + gamma / (6 * n)
    return min(_of_effect(n, effect, spread), _of_effect(n, corrected, spread))


def e_value_less(n: int, mean: float, sd: float, bound: float, spread: float = SPREAD) -> float:
    """Evidence against "the expectation is `bound` or more": the mirrored test on bound − d.

    Used to refute: at 20 or more the effect is below the smallest one worth having, at level 5%.
    """
    return e_value(n, bound - mean, sd, spread)


def _of_effect(n: int, effect: float, spread: float) -> float:
    """The e-value of a standardised mean `effect` = mean/sd of n ≥ 2 pairs."""
    inflation = 1.0 + n * spread
    w = n * effect * effect / (n - 1)
    shrunk = 1.0 + w / inflation
    log_factor = 0.5 * (n * math.log((1.0 + w) / shrunk) - math.log(inflation))
    location_in_scales = effect * n * math.sqrt(n / ((n - 1) * (n + 1.0 / spread) * shrunk))
    return 2.0 * math.exp(min(log_factor, 700.0)) * float(_student_cdf(n, location_in_scales))


def confidence_sequence(
    n: int, mean: float, sd: float, level: float = 0.05, spread: float = SPREAD
) -> tuple[float | None, float | None]:
    """Interval that covers the expectation at all n at once with probability 1 − level; None is unbounded.

    All μ whose two-sided Bayes factor stays below 1/level: with K = (√A/level)^(2/n) the condition is
    n(m − μ)²/((n−1)s²) < (K − 1)/(1 − K/A), and no bound where K ≥ A, which is so for the first three pairs at
    5% (Wang & Ramdas 2024). Copies of one observation (see `e_value`) bound nothing either.
    """
    if n < 2 or sd <= _COPIES * abs(mean):
        return None, None
    inflation = 1.0 + n * spread
    bound = (math.sqrt(inflation) / level) ** (2.0 / n)
    if bound >= inflation:
        return None, None
    half = sd * math.sqrt((n - 1) / n * (bound - 1.0) / (1.0 - bound / inflation))
    return mean - half, mean + half


@lru_cache(maxsize=65536)
def critical_effect(n: int, threshold: float, spread: float = SPREAD) -> float:
    """The standardised mean (mean/sd) from which n pairs have an e-value of `threshold`; inf if none reaches it."""
    if n < 2 or _of_effect(n, 1e6, spread) < threshold:
        return math.inf
    low, high = -14.0, 14.0  # of asinh(effect), in which 50 halvings reach 1e-14
    for _ in range(50):
        middle = 0.5 * (low + high)
        if _of_effect(n, math.sinh(middle), spread) < threshold:
            low = middle
        else:
            high = middle
    return math.sinh(high)


@lru_cache(maxsize=4096)
def _deviation_ratios(degrees: float, nodes: int = 64) -> tuple[float, ...]:
    """Midpoint quantiles of s/σ with so many degrees of freedom: equal-weight nodes to average over."""
    return tuple(
        math.sqrt(float(_chi2_upper_quantile(degrees, (node + 0.5) / nodes)) / degrees) for node in range(nodes)
    )


def probability_below(n: int, true_effect: float, effect: float) -> float:
    """P(mean/sd < effect) for n ≥ 2 Gaussian pairs: the noncentral t distribution, averaged over s/σ.

    Accurate to 0.003 (0.005 for two pairs), smooth, and without the failures of library routines far in the tail.
    """
    if math.isinf(effect):
        return 1.0 if effect > 0 else 0.0
    root = math.sqrt(n / 2.0)
    ratios = _deviation_ratios(n - 1)
    return 0.5 * sum([math.erfc(root * (true_effect - effect * ratio)) for ratio in ratios]) / len(ratios)


@lru_cache(maxsize=65536)
def futility_effect(n: int, threshold: float, cap: int) -> float:
    """The standardised mean (mean/sd) of n pairs below which `futile` ends the test; inf if the cap is too small.

    The 2.5% quantile of the standardised mean when the true effect is the one that the threshold asks for at the cap.
    """
    needed = critical_effect(cap, threshold)
    if needed == math.inf:
        return math.inf
    if n < 2:
        return -math.inf
    low, high = -14.0, math.asinh(needed)
    for _ in range(40):
        middle = 0.5 * (low + high)
        if probability_below(n, needed, math.sinh(middle)) < 0.025:
            low = middle
        else:
            high = middle
    return math.sinh(low)


@dataclass(frozen=True, slots=True)
class Noise:
    """What is known beforehand of σ, the deviation of one paired difference: σ² ~ degrees·sd²/χ²(degrees).

    `degrees` say how far it may be trusted: those of a pooled variance, less what kinds of change differ by
    (`assay.evidence.pooling`). Only futility and planning may use it, never a promotion.
    """

    sd: float
    degrees: float


def likelihood_ratio(
    n: int, mean: float, sd: float, effect: float, noise: Noise | None = None, worth: float | None = None
) -> float:
    """How much better a true effect of so many deviations predicts the pairs than no effect does.

    Both hypotheses average over σ with `noise` as prior, or with dσ/σ (scale-free from two pairs on) without. With w
    the pairs that the mean is worth, S = degrees·noise.sd² + (n−1)·sd² + w·mean² and R ~ χ with degrees + n degrees
    of freedom,

        ratio = exp(−w·effect²/2) · E exp(effect · w·mean/√S · R).

    It falls from 1 for one pair of no effect after another whatever the prior: the test's own pairs soon outweigh a
    prior that was wrong, because S takes them in.

    Args:
        n, mean, sd: moments of the differences; a mean made more precise by `with_further_runs` comes with its
            `worth`.
        effect: alternative, in deviations of a paired difference.
        noise: None: nothing is known.
        worth: number of plain pairs whose mean would be as precise as `mean`; None: n.
    """
    if n < 1:
        return 1.0
    pairs = n if worth is None else worth
    degrees = noise.degrees if noise else 0.0
    squares = (degrees * noise.sd**2 if noise else 0.0) + (n - 1) * sd * sd + pairs * mean * mean
    if squares <= 0.0:
        return math.exp(-0.5 * pairs * effect * effect)
    tilt = effect * pairs * mean * math.sqrt((degrees + n) / squares)
    shift = 0.5 * pairs * effect * effect
    ratios = _deviation_ratios(degrees + n)
    return sum([math.exp(min(tilt * ratio - shift, 700.0)) for ratio in ratios]) / len(ratios)


def with_further_runs(
    n: int, mean: float, champion: float, further: float, runs: int, correlation: float
) -> tuple[float, float]:
    """The mean difference of n pairs, corrected by what other runs of the champion say about its luck in these pairs.

    The champion is run on more seeds than one test uses, for other tests and for calibration. Where the arms'
    correlation ρ over seeds is below 1, the champion's part of a difference's noise is partly its own, and its mean
    over all `runs` takes some of it out (a control variate with the known coefficient 1 − ρ):

        mean − (1 − ρ)·(champion − further),   variance σ²/n · [(1 + ρ)/2 + (1 − ρ)/2 · n/runs].

    Args:
        mean: mean difference of the pairs, champion minus candidate.
        champion: the champion's mean score over the n pairs.
        further: its mean score over all its runs at this scale, these n among them.
        runs: how many runs those are, at least n.
        correlation: of the two arms over seeds, 0 to 1; 1 leaves the mean as it is.

    Returns:
        The corrected mean, and the number of plain pairs that would give a mean as precise.
    """
    own = 1.0 - correlation
    factor = 0.5 * (1.0 + correlation) + 0.5 * own * n / runs
    return mean - own * (champion - further), n / factor


def futile(
    n: int,
    mean: float,
    sd: float,
    threshold: float,
    cap: int,
    noise: Noise | None = None,
    alternative: float = ALTERNATIVE,
    corrected: tuple[float, float] | None = None,
    bound: float = FUTILE_AT,
) -> bool:
    """Whether going on to `cap` pairs does not pay. Ask it after asking whether the threshold is reached.

    Without `noise`, true where even an optimistic effect would not do: the exact upper 97.5% limit of the true
    standardised effect lies below the standardised mean that the threshold asks for at the cap (from the start if
    nothing can reach it there). It takes less than 1% from the power of a true effect of two deviations, and ends a
    test of no effect after 3 to 6 pairs on average, where it would run to 20.

    With `noise`, also true once the likelihood ratio of `alternative` against no effect is below `bound`. Among
    all rules that leave an effect of `alternative` the same chance to go on, this one (Wald's one-sided sequential
    probability ratio test, were σ known) spends the fewest pairs on no effect; see the module for what it reaches.

    Validity. The rule without noise is scale-free and keeps E[e] ≤ 1 at the stop. The one with noise looks at the
    differences' absolute size, but only ever turns a promotion into none, and at a promotion e is that of the
    scale-free first crossing; hence E[e·1{promoted}] ≤ 1, however wrong the prior, which is all that e-LOND asks.

    Copies of one observation never reach any threshold, so two of them are futile.

    Args:
        corrected: mean and worth by `with_further_runs`, for the likelihood ratio alone.
        bound: of the likelihood ratio; `evidence.design` finds the cheapest one for an effect.
    """
    if n >= 2 and sd <= _COPIES * abs(mean):
        return True
    needed = futility_effect(n, threshold, cap)
    if needed == math.inf or (n >= 2 and mean / sd < needed):
        return True
    if noise is None or n < 1:
        return False
    better, worth = corrected or (mean, None)
    return likelihood_ratio(n, better, sd, alternative, noise, worth) < bound


def power(true_effect: float, threshold: float, cap: int) -> float:
    """Chance that a true standardised effect reaches the threshold, from below: at the cap, not on the way there.

    Paths that cross earlier and have fallen back by the cap are missed: a tenth where power is low, 0.05 where it is
    80% and the threshold 33, less where the threshold is higher.
    """
    if cap < 2:
        return 0.0
    return 1.0 - probability_below(cap, true_effect, critical_effect(cap, threshold))


@lru_cache(maxsize=65536)
def _detectable_effect(threshold: float, cap: int, target: float) -> float:
    if critical_effect(cap, threshold) == math.inf:
        return math.inf
    low, high = 0.0, 1e-2
    while power(high, threshold, cap) < target:
        low, high = high, 2.0 * high
    for _ in range(20):
        middle = 0.5 * (low + high)
        if power(middle, threshold, cap) < target:
            low = middle
        else:
            high = middle
    return high


def detectable(sd: float, threshold: float, cap: int, target: float = 0.8) -> float:
    """Smallest true effect, in the unit of `sd`, that is found with probability `target` within `cap` pairs.

    By `power`, so a few per cent on the large side; inf if no data could reach the threshold with so few pairs.
    """
    return sd * _detectable_effect(threshold, cap, target)


def sign_e_value(differences: Sequence[float]) -> float:
    """Evidence against "worse is at least as likely as better", from signs alone; valid without normality.

    If, given the past, a difference is positive with no more probability than negative (as when the two arms
    could be exchanged within each pair), then for each p > 1/2 the product of 2p for every better and 2(1 − p)
    for every worse pair is a nonnegative supermartingale, and so is its average over p uniform in (1/2, 1)
    (Ramdas, Ruf, Larsson & Koolen 2020, "Admissible anytime-valid sequential inference must rely on nonnegative
    martingales"). With k of n better that average is Σ_{j≤k} C(n+1, j) / ((n+1)·C(n, k)). Ties are passed over.
    Ten out of ten give 186, twenty out of twenty 99,864: less than the t-test, the price of assuming less.
    """
    better = sum(1 for d in differences if d > 0)
    n = better + sum(1 for d in differences if d < 0)
    return sum(math.comb(n + 1, j) for j in range(better + 1)) / ((n + 1) * math.comb(n, better))
