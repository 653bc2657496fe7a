"""Futility with what is known of the noise: what it saves, what it costs, and that it cannot harm validity."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from assay.evidence.pooling import Pool
from assay.evidence.sequential import (
    FUTILE_AT,
    Noise,
    critical_effect,
    e_value,
    e_value_skewed,
    futile,
    futility_effect,
    likelihood_ratio,
    with_further_runs,
)
from tests.evidence.simulate import (
    Floats,
    at_least,
    at_most,
    e_values_RN,
    gaussian_RN,
    likelihood_ratios_RN,
    running_moments,
    stop_RN,
)

THRESHOLD, CAP = 2_000.0, 40


def outcome(d_RN: Floats, sd_R: Floats, degrees: float) -> tuple[float, float, Floats]:
    """(share that reaches the threshold, mean pairs, e·1{promoted} of each test) with that prior knowledge."""
    e_RN = e_values_RN(d_RN)
    _, mean_RN, deviation_RN = running_moments(d_RN)
    floor_N = np.array([-math.inf] + [futility_effect(n, THRESHOLD, CAP) for n in range(2, CAP + 1)])
    hopeless_RN = likelihood_ratios_RN(d_RN, 1.0, sd_R, degrees) < FUTILE_AT
    with np.errstate(invalid="ignore"):
        hopeless_RN |= mean_RN < floor_N * deviation_RN
    reached_RN = e_RN >= THRESHOLD
    stop_R = stop_RN(reached_RN | hopeless_RN)
    rows_R = np.arange(len(d_RN))
    promoted_R = reached_RN[rows_R, stop_R]
    return float(promoted_R.mean()), float(stop_R.mean()) + 1, e_RN[rows_R, stop_R] * promoted_R


def pooled_R(seed: int, repetitions: int, degrees: float) -> Floats:
    """Honest estimates of a deviation of 1 with so many degrees of freedom."""
    return np.sqrt(np.random.default_rng(seed).chisquare(degrees, repetitions) / degrees)


# The likelihood ratio


@pytest.mark.parametrize("noise", [None, Noise(1.3, 4), Noise(0.2, 30)])
@pytest.mark.parametrize(("n", "mean", "sd", "worth"), [(2, -0.3, 0.8, None), (6, 0.4, 1.1, None), (3, 0.1, 1.0, 4.5)])
def test_likelihood_ratio_is_the_integral_over_the_deviation(
    noise: Noise | None, n: int, mean: float, sd: float, worth: float | None
) -> None:
    w = worth or n

    def likelihood(effect: float) -> float:
        def density(log_sd: float) -> float:
            sigma = math.exp(log_sd)
            prior = 0.0
            if noise:
                prior = -noise.degrees * log_sd - noise.degrees * noise.sd**2 / (2 * sigma**2)
            fit = -n * log_sd - (w * (mean - effect * sigma) ** 2 + (n - 1) * sd**2) / (2 * sigma**2)
            return math.exp(prior + fit)

        return integrate.quad(density, -5, 5, limit=500)[0]

    expected = likelihood(1.0) / likelihood(0.0)
    assert likelihood_ratio(n, mean, sd, 1.0, noise, worth) == pytest.approx(expected, rel=0.01)


@given(
    st.integers(1, 30), st.floats(-3, 3), st.floats(0.1, 3), st.floats(0, 2), st.sampled_from([None, Noise(1.0, 10)])
)
def test_likelihood_ratio_rises_with_the_mean_and_ignores_the_unit(
    n: int, mean: float, sd: float, more: float, noise: Noise | None
) -> None:
    ratio = likelihood_ratio(n, mean, sd, 1.0, noise)
    assert likelihood_ratio(n, mean + more, sd, 1.0, noise) >= ratio * (1 - 1e-9)
    double = Noise(2 * noise.sd, noise.degrees) if noise else None
    assert likelihood_ratio(n, 2 * mean, 2 * sd, 1.0, double) == pytest.approx(ratio)


def test_futile_follows_the_ratio() -> None:
    noise = Noise(1.0, 30)
    assert not futile(0, 0.0, 0.0, THRESHOLD, CAP, noise)
    assert futile(1, -1.5, 0.0, THRESHOLD, CAP, noise)  # one pair is enough where the noise is known
    assert not futile(1, 0.0, 0.0, THRESHOLD, CAP, noise)
    assert not futile(1, -1.0, 0.0, THRESHOLD, CAP, Noise(10.0, 30))
    assert not futile(1, -1.0, 0.0, THRESHOLD, CAP)
    assert futile(0, 0.0, 0.0, 1e6, 5, noise)


# What it reaches


@pytest.mark.parametrize("degrees", [3, 10, 30])
def test_known_noise_saves_pairs_and_costs_little(degrees: int) -> None:
    """The operating point at a threshold of 2,000 and a cap of 40 pairs, with honest knowledge of the deviation."""
    repetitions = 10_000
    sd_R = pooled_R(1, repetitions, degrees)
    z_RN = gaussian_RN(2, repetitions, CAP)
    null, pairs, _ = outcome(z_RN, sd_R, degrees)
    assert at_most(round(null * repetitions), repetitions, 1 / THRESHOLD)
    assert pairs < 4.7
    assert outcome(z_RN + 1, sd_R, degrees)[0] > 0.79
    assert at_least(round(outcome(z_RN + 2, sd_R, degrees)[0] * repetitions), repetitions, 0.98)


@pytest.mark.parametrize("factor", [1 / 3.5, 1 / 2, 2, 3.5])
@pytest.mark.parametrize("degrees", [3, 30])
def test_a_wrong_prior_costs_power_or_pairs_and_never_validity(factor: float, degrees: int) -> None:
    repetitions = 20_000
    d_RN = gaussian_RN(3, repetitions, CAP)
    rate, _, stopped_R = outcome(d_RN, np.full(repetitions, factor), degrees)
    assert at_most(round(rate * repetitions), repetitions, 1 / THRESHOLD)
    assert stopped_R.mean() <= 1 + 4 * stopped_R.std() / math.sqrt(repetitions)


# Further runs of the champion


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_further_runs_of_the_champion_make_the_mean_as_precise_as_promised(correlation: float) -> None:
    rng = np.random.default_rng(4)
    n, runs, repetitions = 3, 12, 40_000
    shared_RM = math.sqrt(correlation) * rng.standard_normal((repetitions, runs))
    own = math.sqrt(1 - correlation)
    champion_RM = 2.0 + shared_RM + own * rng.standard_normal((repetitions, runs))
    candidate_RM = 1.5 + shared_RM + own * rng.standard_normal((repetitions, runs))
    d_RN = (champion_RM - candidate_RM)[:, :n]
    found = [
        with_further_runs(n, float(d.mean()), float(c[:n].mean()), float(c.mean()), runs, correlation)
        for d, c in zip(d_RN, champion_RM, strict=True)
    ]
    mean_R, worth_R = np.array(found).T
    assert mean_R.mean() == pytest.approx(0.5, abs=0.02)
    variance = 2 * (1 - correlation)
    assert mean_R.var() == pytest.approx(variance / worth_R[0], rel=0.04)
    assert worth_R[0] > n


def test_without_further_runs_the_mean_stays() -> None:
    assert with_further_runs(4, 0.3, 2.0, 2.0, 4, 0.2) == pytest.approx((0.3, 4))
    assert with_further_runs(4, 0.3, 2.0, 2.5, 9, 1.0) == pytest.approx((0.3, 4))


# What earlier tests say


def pool_of(rng: np.random.Generator, tests: int, scatter: float, a_generation: int = 1) -> Pool:
    """Tests of three pairs whose variances scatter as scatter/χ²(scatter) around 1."""
    pool = Pool()
    for test in range(tests):
        sigma = math.sqrt(scatter / rng.chisquare(scatter)) if math.isfinite(scatter) else 1.0
        pool.add(test // a_generation, list(sigma * rng.standard_normal(3)))
    return pool


def test_equal_noise_is_learned_and_scattered_noise_is_not_trusted() -> None:
    rng = np.random.default_rng(5)
    equal = [pool_of(rng, 60, math.inf).noise() for _ in range(50)]
    scattered = [pool_of(rng, 60, 6.0).noise() for _ in range(50)]
    assert np.median([noise.degrees for noise in equal if noise]) > 15
    assert np.median([noise.degrees for noise in scattered if noise]) < 10
    assert np.mean([noise.sd for noise in equal if noise]) == pytest.approx(1, abs=0.06)


def test_tests_that_share_a_champion_count_for_less() -> None:
    rng = np.random.default_rng(6)
    apart = np.mean([noise.degrees for _ in range(50) if (noise := pool_of(rng, 40, math.inf).noise())])
    together = np.mean([noise.degrees for _ in range(50) if (noise := pool_of(rng, 40, math.inf, 40).noise())])
    assert together < 0.7 * apart


def test_two_pairs_say_too_little() -> None:
    pool = Pool()
    pool.add(0, [0.1, 0.2])
    pool.add(0, [0.3])
    pool.add(0, [0.3] * 5)  # copies of one run
    assert pool.noise() is None
    pool.add(0, [0.1, 0.2, 0.15])
    assert pool.noise() is not None


@pytest.mark.parametrize("honest", [True, False])
def test_intervals_of_the_pooled_deviation_hold(honest: bool) -> None:
    """A new test's variance, drawn as its fellows' were, lies in the prior's 80% interval in three of four cases;

    it does not if the degrees of freedom are those of the pooled variance alone.
    """
    rng = np.random.default_rng(7)
    inside = 0
    for _ in range(1_000):
        noise = pool_of(rng, 12, 10.0).noise()
        assert noise
        degrees = noise.degrees if honest else 24.0
        new = 10.0 / rng.chisquare(10.0)
        below = stats.chi2.sf(degrees * noise.sd**2 / new, degrees)
        inside += bool(0.1 < below < 0.9)
    assert (inside / 1_000 > 0.72) is honest


def test_skewness_is_seen_where_it_is_clear_and_never_claimed_otherwise() -> None:
    rng = np.random.default_rng(8)

    def seen(draw: Callable[[], Floats]) -> list[float]:
        found: list[float] = []
        for _ in range(200):
            pool = Pool()
            for test in range(30):
                pool.add(test, list(draw()))
            found.append(pool.skewness)
        return found

    assert np.mean([g < 0 for g in seen(lambda: rng.standard_normal(6))]) < 0.06
    assert max(seen(lambda: rng.exponential(1, 6))) == 0.0  # a tail on the better side is no worry
    worse = seen(lambda: -rng.exponential(1, 6))
    assert np.mean([g < 0 for g in worse]) > 0.95
    assert np.mean(worse) == pytest.approx(-2, abs=0.3)


@pytest.mark.parametrize("corrected", [True, False])
def test_correcting_for_a_long_tail_on_the_worse_side_brings_errors_back_to_their_level(corrected: bool) -> None:
    """1 − exponential: no effect, skewness −2, 20 looks at 5%. Uncorrected, three times as many err."""
    d_RN = 1 - np.random.default_rng(9).exponential(1, (8_000, 20))
    _, mean_RN, sd_RN = running_moments(d_RN)
    needed_N = [math.inf] + [critical_effect(n, 20.0) for n in range(2, 21)]
    if corrected:
        grid = np.linspace(0, 30, 6_001)
        for n in range(2, 21):
            reached = [e_value_skewed(n, float(effect), 1.0, -2.0) >= 20 for effect in grid]
            needed_N[n - 1] = float(grid[np.argmax(reached)]) if any(reached) else math.inf
    with np.errstate(divide="ignore", invalid="ignore"):
        erred_R = (mean_RN >= np.array(needed_N) * sd_RN)[:, 1:].any(axis=1)
    assert at_most(int(erred_R.sum()), 8_000, 0.05) is corrected


@given(st.integers(2, 40), st.floats(-4, 4), st.floats(-3, 3), st.floats(0, 2))
def test_the_corrected_value_never_helps_and_rises_with_the_mean(
    n: int, effect: float, skewness: float, more: float
) -> None:
    value = e_value_skewed(n, effect, 1.0, skewness)
    assert value <= e_value(n, effect, 1.0)
    assert e_value_skewed(n, effect + more, 1.0, skewness) >= value * (1 - 1e-9)
