"""The sequential test: its formula, its validity under the null, its power, its stopping rules."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

from assay.evidence.sequential import (
    confidence_sequence,
    critical_effect,
    detectable,
    e_value,
    e_value_less,
    e_value_of,
    futile,
    futility_effect,
    moments,
    power,
    probability_below,
    sign_e_value,
)
from tests.evidence.simulate import (
    at_least,
    at_most,
    e_values_RN,
    gaussian_RN,
    running_moments,
    stop_RN,
)

G = 3.0


def marginal_ratio(differences: list[float], g: float, one_sided: bool) -> float:
    """The Bayes factor by brute force: ∫∫ N(d | δσ, σ²) prior(δ) dδ dσ/σ over ∫ N(d | 0, σ²) dσ/σ."""
    d = np.array(differences)
    n = len(d)
    unit = math.sqrt(float(np.mean(d**2)))  # keeps the integrand near 1

    def likelihood(log_sigma: float, delta: float) -> float:
        z = d / (unit * math.exp(log_sigma)) - delta
        return math.exp(-n * log_sigma - 0.5 * float(z @ z) + 0.5 * n)

    def alternative(delta: float, log_sigma: float) -> float:
        prior = math.exp(-0.5 * delta**2 / g) / math.sqrt(2 * math.pi * g)
        return (2 if one_sided else 1) * prior * likelihood(log_sigma, delta)

    low = 0.0 if one_sided else -12.0
    above = integrate.dblquad(alternative, -5, 8, low, 12.0, epsabs=1e-10, epsrel=1e-8)[0]
    below = integrate.quad(lambda s: likelihood(s, 0.0), -8, 12, epsabs=1e-12, epsrel=1e-10, limit=200)[0]
    return above / below


@pytest.mark.parametrize(
    "differences",
    [[0.3, 0.9], [-1.0, 0.2, 0.1], [0.5, 0.4, 0.9, 0.2, 0.6], [-0.3, -0.5, -0.1, 0.2], [1.2, 0.8, 1.1, 0.9, 1.4, 0.7]],
)
def test_formula_equals_the_double_integral(differences: list[float]) -> None:
    assert e_value_of(differences, spread=G) == pytest.approx(marginal_ratio(differences, G, True), rel=1e-5)


def test_formula_equals_the_double_integral_for_another_prior() -> None:
    differences = [0.1, 0.4, -0.2, 0.5]
    assert e_value_of(differences, spread=0.7) == pytest.approx(marginal_ratio(differences, 0.7, True), rel=1e-5)


def test_scalar_equals_the_second_implementation() -> None:
    d_RN = gaussian_RN(1, 50, 40, effect=0.7, sd=0.013)
    n_N, mean_RN, sd_RN = running_moments(d_RN)
    expected_RN = e_values_RN(d_RN)
    for row in range(50):
        for column in range(40):
            got = e_value(int(n_N[column]), mean_RN[row, column], sd_RN[row, column])
            assert got == pytest.approx(expected_RN[row, column], rel=1e-6)


def test_moments_agree_with_numpy() -> None:
    d = [0.1, -0.4, 0.25, 0.3]
    n, mean, sd = moments(d)
    assert n == 4
    assert mean == pytest.approx(np.mean(d))
    assert sd == pytest.approx(np.std(d, ddof=1))
    assert moments([]) == (0, 0.0, 0.0)
    assert moments([0.5]) == (1, 0.5, 0.0)


@pytest.mark.parametrize("differences", [[], [0.7], [0.1, 0.1, 0.1], [0.0, 0.0], [1 / 3] * 17])
def test_nothing_is_learnt_from_one_observation_or_its_copies(differences: list[float]) -> None:
    n, mean, sd = moments(differences)
    assert e_value(n, mean, sd) == 1.0
    assert confidence_sequence(n, mean, sd) == (None, None)
    assert futile(n, mean, sd, 100.0, 20) is (n >= 2)


ns = st.integers(2, 200)
effects = st.floats(-20, 20)
units = st.integers(-20, 20).map(lambda power: 2.0**power)  # powers of two scale without rounding


@given(ns, effects, units)
def test_scale_free(n: int, effect: float, unit: float) -> None:
    assert e_value(n, effect * unit, unit) == e_value(n, effect, 1.0)
    assert futile(n, effect * unit, unit, 500.0, 20) == futile(n, effect, 1.0, 500.0, 20)
    low, high = confidence_sequence(n, effect, 1.0)
    if low is not None and high is not None:
        assert confidence_sequence(n, effect * unit, unit) == (low * unit, high * unit)


@given(ns, effects, st.floats(0, 5))
def test_rises_with_the_mean(n: int, effect: float, more: float) -> None:
    assert e_value(n, effect + more, 1.0) >= e_value(n, effect, 1.0) * (1 - 1e-9)


@given(ns, st.floats(0.001, 20))
def test_sign_flip_turns_evidence_into_its_opposite(n: int, effect: float) -> None:
    """The two one-sided alternatives average to the two-sided one, and no evidence is left on the wrong side."""
    a = 1 + n * G
    w = n * effect**2 / (n - 1)
    two_sided = ((1 + w) / (1 + w / a)) ** (n / 2) / math.sqrt(a)
    assert (e_value(n, effect, 1.0) + e_value(n, -effect, 1.0)) / 2 == pytest.approx(two_sided, rel=1e-6)
    assert e_value(n, -effect, 1.0) < 1


@given(ns, effects, st.floats(-3, 3))
def test_less_is_the_mirror(n: int, effect: float, bound: float) -> None:
    assert e_value_less(n, effect, 1.0, bound) == e_value(n, bound - effect, 1.0)


@given(st.integers(4, 60), st.floats(-5, 5), st.sampled_from([0.2, 0.05, 0.01]))
def test_interval_ends_where_the_two_sided_factor_is_one_over_level(n: int, mean: float, level: float) -> None:
    low, high = confidence_sequence(n, mean, 1.0, level)
    assume(low is not None and high is not None)
    assert low is not None
    assert high is not None
    for end in (low, high):
        shifted = mean - end
        assert (e_value(n, shifted, 1.0) + e_value(n, -shifted, 1.0)) / 2 == pytest.approx(1 / level, rel=1e-6)


@given(st.integers(2, 40), st.floats(2, 1e5))
def test_critical_effect_is_where_the_threshold_is_reached(n: int, threshold: float) -> None:
    effect = critical_effect(n, threshold)
    if math.isinf(effect):
        assert e_value(n, 1e6, 1.0) < threshold
    else:
        assert e_value(n, effect * (1 + 1e-9) + 1e-9, 1.0) >= threshold
        assert e_value(n, effect * (1 - 1e-9) - 1e-9, 1.0) < threshold


def test_large_evidence_stays_finite() -> None:
    assert math.isfinite(e_value(200, 1e8, 1.0))
    assert e_value(200, -1e8, 1.0) >= 0.0


# Validity


def futile_RN(d_RN: np.ndarray, threshold: float) -> np.ndarray:
    """Whether each test is futile after each of 20 pairs."""
    _, mean_RN, sd_RN = running_moments(d_RN)
    floor_N = np.array([0.0] + [futility_effect(n, threshold, 20) for n in range(2, 21)])
    return (mean_RN < floor_N * sd_RN) & (np.arange(20) > 0)


def ever_reached(e_RN: np.ndarray, alpha: float) -> int:
    return int((e_RN >= 1 / alpha).any(axis=1).sum())


@pytest.mark.parametrize(("effect", "sd"), [(0.0, 1.0), (0.0, 1e-3), (0.0, 40.0), (-0.3, 1.0), (-2.0, 0.01)])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_false_alarms_stay_below_the_level_under_continuous_looking(effect: float, sd: float, alpha: float) -> None:
    e_RN = e_values_RN(gaussian_RN(2, 20_000, 20, effect, sd))
    assert at_most(ever_reached(e_RN, alpha), 20_000, alpha)


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_the_same_check_catches_an_uncorrected_repeated_t_test(alpha: float) -> None:
    n_N, mean_RN, sd_RN = running_moments(gaussian_RN(2, 20_000, 20))
    with np.errstate(all="ignore"):
        p_RN = stats.t.sf(mean_RN * np.sqrt(n_N) / sd_RN, n_N - 1)[:, 1:]
    assert not at_most(int((p_RN <= alpha).any(axis=1).sum()), 20_000, alpha)


def test_the_same_check_catches_a_known_variance_test_that_plugs_in_the_estimate() -> None:
    """The Gaussian mixture e-value with s in place of σ: what one gets by forgetting that s is uncertain."""
    n_N, mean_RN, sd_RN = running_moments(gaussian_RN(2, 20_000, 20))
    a_N = 1 + G * n_N
    with np.errstate(all="ignore"):
        z_RN = mean_RN * np.sqrt(n_N) / sd_RN
        shrunk_RN = z_RN * np.sqrt(G * n_N / a_N)
        e_RN = (2 * np.exp(0.5 * shrunk_RN**2) * stats.norm.cdf(shrunk_RN) / np.sqrt(a_N))[:, 1:]
    assert not at_most(ever_reached(e_RN, 0.05), 20_000, 0.05)


@pytest.mark.slow
def test_false_alarms_stay_below_the_level_far_in_the_tail() -> None:
    reached = sum(ever_reached(e_values_RN(gaussian_RN(100 + part, 100_000, 20)), 0.001) for part in range(20))
    assert at_most(reached, 2_000_000, 0.001)
    assert reached > 200  # the check could fail: the bound is not out of reach


def test_stopped_e_value_has_mean_one_at_most() -> None:
    """At the first crossing of 20, at futility, or at the cap; under the null the mean is 1 but for noise."""
    d_RN = gaussian_RN(3, 40_000, 20)
    e_RN = e_values_RN(d_RN)
    stops_RN = (e_RN >= 20) | futile_RN(d_RN, 20.0)
    stopped_R = e_RN[np.arange(40_000), stop_RN(stops_RN)]
    assert stopped_R.mean() <= 1 + 4 * stopped_R.std() / 200
    assert stopped_R.mean() >= 0.9  # a martingale, so not conservative either


def test_a_refuted_effect_is_seldom_a_true_one() -> None:
    """Effects of exactly the bound: the mirrored test calls them smaller in at most 5%."""
    bound = 0.7
    e_RN = e_values_RN(bound - gaussian_RN(4, 20_000, 20, effect=bound))
    assert at_most(ever_reached(e_RN, 0.05), 20_000, 0.05)


@pytest.mark.parametrize("effect", [0.0, 1.5])
def test_confidence_sequence_covers_at_all_times_at_once(effect: float) -> None:
    sd, repetitions = 0.02, 4_000
    n_N, mean_RN, sd_RN = running_moments(gaussian_RN(5, repetitions, 20, effect, sd))
    # The half-width is proportional to the deviation, so one call for each n serves all repetitions.
    half_N = np.array([confidence_sequence(int(n), 0.0, 1.0)[1] or math.inf for n in n_N])
    with np.errstate(invalid="ignore"):
        half_RN = np.where(np.isinf(half_N), math.inf, half_N * sd_RN)
    missed = int((np.abs(mean_RN - effect * sd) > half_RN).any(axis=1).sum())
    assert at_most(missed, repetitions, 0.05)
    naive_RN = stats.t.ppf(0.975, np.maximum(n_N - 1, 1)) * sd_RN / np.sqrt(n_N)
    naively_missed = int((np.abs(mean_RN - effect * sd) > naive_RN)[:, 1:].any(axis=1).sum())
    assert not at_most(naively_missed, repetitions, 0.05)


# Power


def test_two_deviations_are_found_within_twenty_pairs_at_threshold_20000() -> None:
    e_RN = e_values_RN(gaussian_RN(6, 20_000, 20, effect=2.0))
    assert at_least(ever_reached(e_RN, 1 / 20_000), 20_000, 0.95)


@pytest.mark.parametrize("threshold", [33.0, 1_000.0, 20_000.0])
def test_futility_costs_a_true_effect_under_one_per_cent_and_saves_most_of_a_hopeless_test(threshold: float) -> None:
    def outcome(effect: float) -> tuple[float, float, float]:
        d_RN = gaussian_RN(7, 10_000, 20, effect)
        reached_RN = e_values_RN(d_RN) >= threshold
        stop_R = stop_RN(reached_RN | futile_RN(d_RN, threshold))
        found_R = reached_RN[np.arange(10_000), stop_R]
        return float(reached_RN.any(axis=1).mean()), float(found_R.mean()), float(stop_R.mean() + 1)

    without, with_futility, _ = outcome(2.0)
    assert without - with_futility <= 0.01
    _, _, pairs = outcome(0.0)
    assert pairs <= 8


@given(st.integers(2, 20), st.floats(-5, 5), st.sampled_from([33.0, 1e3, 2e4]))
def test_futile_is_its_limit(n: int, effect: float, threshold: float) -> None:
    assert futile(n, effect, 1.0, threshold, 20) == (effect < futility_effect(n, threshold, 20))


def test_futile_at_once_when_no_data_could_do() -> None:
    assert futile(0, 0.0, 0.0, 1e6, 5)
    assert not futile(0, 0.0, 0.0, 33.0, 20)
    assert not futile(1, -1.0, 0.0, 33.0, 20)
    assert futile(20, 0.5, 1.0, 1e4, 20)


def test_futility_limit_is_the_noncentral_t_limit() -> None:
    for n in (2, 5, 12):
        needed = critical_effect(20, 1000.0)
        quantile = stats.nct.ppf(0.025, n - 1, needed * math.sqrt(n)) / math.sqrt(n)
        assert futility_effect(n, 1000.0, 20) == pytest.approx(quantile, abs=0.05)


@given(st.integers(2, 60), st.floats(0, 3), st.floats(-1, 4))
def test_probability_below_is_the_noncentral_t(n: int, true_effect: float, effect: float) -> None:
    """Integrated here over the deviation; SciPy's own distribution function returns nan for some of these."""
    root = math.sqrt(n)

    def below(ratio: np.ndarray) -> np.ndarray:
        return stats.norm.cdf(root * (effect * ratio - true_effect))

    scale = 1 / math.sqrt(n - 1)
    low, high = stats.chi.ppf([1e-9, 1 - 1e-9], n - 1, scale=scale)
    grid = np.linspace(low, high, 1001)
    values = below(grid) * stats.chi.pdf(grid, n - 1, scale=scale)
    expected = integrate.simpson(values, x=grid)
    assert probability_below(n, true_effect, effect) == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize(("threshold", "cap"), [(33.0, 20), (1_000.0, 20), (20_000.0, 20), (33.0, 8), (1_000.0, 12)])
def test_detectable_effect_is_found_as_often_as_promised(threshold: float, cap: int) -> None:
    smallest = detectable(0.01, threshold, cap) / 0.01
    z_RN = gaussian_RN(8, 8_000, cap)

    def found(effect: float) -> float:
        return ever_reached(e_values_RN(z_RN + effect), 1 / threshold) / 8_000

    assert 0.79 <= found(smallest) <= 0.88
    simulated = optimize.brentq(lambda effect: found(effect) - 0.8, 0.5 * smallest, 1.2 * smallest, xtol=0.005)
    assert simulated == pytest.approx(smallest, rel=0.08)


def test_nothing_is_detectable_where_the_cap_is_too_small() -> None:
    assert math.isinf(detectable(1.0, 1e6, 5))
    assert power(10.0, 1e6, 5) == 0.0
    assert power(10.0, 10.0, 1) == 0.0


# Signs


def test_sign_e_value_is_the_mixture_over_coins() -> None:
    signs = [1.0, 2.0, -0.5, 3.0, 0.0, 1.0, -1.0]
    better, worse = 4, 2
    expected, _ = integrate.quad(lambda p: 2 * (2 * p) ** better * (2 - 2 * p) ** worse, 0.5, 1)
    assert sign_e_value(signs) == pytest.approx(expected)
    assert sign_e_value([]) == 1
    assert sign_e_value([1.0] * 10) == pytest.approx(2047 / 11)


def test_sign_e_value_holds_for_heavy_tails_where_gaussian_assumptions_do_not_matter() -> None:
    """Symmetric around zero, Cauchy, with a scale that jumps: signs do not mind."""
    rng = np.random.default_rng(9)
    better_RN = np.cumsum(rng.standard_cauchy((20_000, 20)) * rng.exponential(1, (20_000, 20)) ** 4 > 0, axis=1)
    table = {(n, k): sign_e_value([1.0] * k + [-1.0] * (n - k)) for n in range(1, 21) for k in range(n + 1)}
    e_RN = np.array([[table[n + 1, int(row[n])] for n in range(20)] for row in better_RN])
    assert at_most(ever_reached(e_RN, 0.05), 20_000, 0.05)
    assert e_RN[:, -1].mean() == pytest.approx(1, abs=4 * e_RN[:, -1].std() / math.sqrt(20_000))


@given(st.lists(st.floats(-1, 1), max_size=20), st.floats(0.001, 1))
def test_one_more_better_pair_raises_and_a_tie_leaves_the_sign_e_value(differences: list[float], d: float) -> None:
    before = sign_e_value(differences)
    assert sign_e_value([*differences, d]) >= before
    assert sign_e_value([*differences, -d]) <= before
    assert sign_e_value([*differences, 0.0]) == before
