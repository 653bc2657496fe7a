"""Shrunken effects in worlds whose truth is known: no winner's curse among what was picked out, honest intervals."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import Generator
from scipy import stats

from assay.evidence.shrinkage import FEW, Shrunken, moderate, shrink

World = Callable[[Generator, int], np.ndarray]


def sparse(rng: Generator, n: int) -> np.ndarray:
    """Most changes do nothing; one in ten helps, by varying amounts."""
    return np.where(rng.random(n) < 0.1, np.abs(rng.normal(3.0, 1.0, n)), 0.0)


def harmful(rng: Generator, n: int) -> np.ndarray:
    """As research is: a third hurts, one in ten helps."""
    kind = rng.random(n)
    return np.where(kind < 0.1, np.abs(rng.normal(2, 1, n)), np.where(kind < 0.43, -np.abs(rng.normal(0, 2, n)), 0.0))


def normal(rng: Generator, n: int) -> np.ndarray:
    """Every change does something."""
    return rng.normal(0.0, 2.0, n)


def heavy(rng: Generator, n: int) -> np.ndarray:
    return 0.7 * rng.standard_t(3, n)


def campaigns(world: World, n: int, times: int, degrees: int | None = None, seed: int = 0) -> np.ndarray:
    """Rows of truth, measured, standard error, shrunken mean, low, high, of all tests of all campaigns."""
    rows: list[list[float]] = []
    for campaign in range(times):
        rng = np.random.default_rng([seed, n, campaign])
        truth = world(rng, n)
        sigma = rng.uniform(0.5, 1.5, n)
        measured = truth + sigma * rng.normal(size=n)
        nu = None if degrees is None else [float(degrees)] * n
        se = sigma if degrees is None else sigma * np.sqrt(rng.chisquare(degrees, n) / degrees)
        _, found = shrink(measured.tolist(), se.tolist(), nu)
        rows += [[t, m, s, x.mean, x.low, x.high] for t, m, s, x in zip(truth, measured, se, found, strict=True)]
    return np.array(rows)


def curse(rows: np.ndarray, column: int) -> tuple[float, float]:
    """Mean of estimate − truth among what was picked out for z > 2.5, and its standard error."""
    picked = rows[rows[:, 1] / rows[:, 2] > 2.5]
    errors = picked[:, column] - picked[:, 0]
    return float(errors.mean()), float(errors.std(ddof=1) / math.sqrt(len(errors)))


def coverage(rows: np.ndarray, picked_only: bool) -> float:
    rows = rows[rows[:, 1] / rows[:, 2] > 2.5] if picked_only else rows
    return float(((rows[:, 4] <= rows[:, 0]) & (rows[:, 0] <= rows[:, 5])).mean())


@pytest.mark.slow
@pytest.mark.parametrize("world", [sparse, harmful, normal, heavy])
@pytest.mark.parametrize("n", [20, 80])
def test_no_winners_curse_and_honest_intervals(world: World, n: int) -> None:
    rows = campaigns(world, n, 2400 // n)
    raw, _ = curse(rows, 1)
    shrunken, error = curse(rows, 3)
    assert raw > 0.3  # the curse is there to be lifted
    # A shrunken effect may be too small in a sparse world, where what is picked out is taken for luck at first.
    assert -0.5 < shrunken < 0.15 + 2 * error
    assert shrunken < raw / 2
    assert coverage(rows, picked_only=False) >= 0.9
    assert coverage(rows, picked_only=True) >= 0.9


def test_a_tenth_of_the_simulation_in_a_moment() -> None:
    rows = campaigns(sparse, 40, 10)
    assert abs(curse(rows, 3)[0]) < 0.5
    assert coverage(rows, picked_only=False) >= 0.9
    # What a method that takes measurements at their word would do:
    assert curse(rows, 1)[0] > abs(curse(rows, 3)[0])


@pytest.mark.slow
def test_errors_from_three_pairs_moderated_keep_their_word() -> None:
    """As the lab does it: deviations of a few pairs are moderated first. Taking them for known instead must fail."""
    honest: list[bool] = []
    naive: list[bool] = []
    for campaign in range(60):
        rng = np.random.default_rng([7, campaign])
        truth = sparse(rng, 40)
        sigma = rng.uniform(0.7, 1.3, 40)
        measured = truth + sigma * rng.normal(size=40)
        se = sigma * np.sqrt(rng.chisquare(2, 40) / 2)
        picked = measured > 2.0
        for kept, (errors, degrees) in (
            (honest, moderate(se.tolist(), [2.0] * 40)),
            (naive, (se.tolist(), [math.inf] * 40)),
        ):
            _, found = shrink(measured.tolist(), errors, degrees)
            kept += [x.low <= t <= x.high for x, t, p in zip(found, truth, picked, strict=True) if p]
    assert len(honest) > 200
    assert sum(honest) / len(honest) >= 0.9
    assert sum(naive) / len(naive) < 0.85


def test_many_tests_of_one_normal_give_the_textbook_answer() -> None:
    """With many tests from N(0, τ²) the posterior is James and Stein's: m·τ²/(τ² + σ²)."""
    rng = np.random.default_rng(5)
    truth = rng.normal(0, 2.0, 300)
    measured = truth + rng.normal(size=300)
    prior, found = shrink(measured.tolist(), [1.0] * 300)
    assert not prior.weak
    ours = np.array([x.mean for x in found])
    textbook = measured * 4 / 5
    assert float(np.sqrt(np.mean((ours - textbook) ** 2))) < 0.25
    assert float(np.mean((ours - truth) ** 2)) < 1.05 * float(np.mean((textbook - truth) ** 2)) + 0.03


def test_posterior_is_that_of_a_fine_grid() -> None:
    """One test far from the others, against numerical integration of the same model with its grid's prior weights."""
    effects, errors = [3.0, 0.1, -0.4, 0.3, 0.2], [1.0] * 5
    from assay.evidence import shrinkage as s

    theta = np.linspace(-40, 40, 16001)
    step = theta[1] - theta[0]
    like = np.stack([stats.norm.pdf(m, theta, e) for m, e in zip(effects, errors, strict=True)])
    taus = np.geomspace(0.5, 8.0, s.SCALES)
    null = stats.norm.pdf(theta, 0, s.SPIKE)
    total, weight_sum = np.zeros_like(theta), 0.0
    for tau in taus:
        for location, location_weight in zip(s.LOCATIONS, s.LOCATION_WEIGHTS, strict=True):
            slab = stats.t.pdf(theta, s.SLAB_DEGREES, location * tau, tau)
            for share in s.SHARES:
                density = (1 - share) * null + share * slab
                marginals = (like * density).sum(axis=1) * step
                weight = location_weight * math.prod(marginals)
                total += weight * like[0] * density / marginals[0]
                weight_sum += weight
    total /= total.sum()
    _, found = shrink(effects, errors)
    cdf = np.cumsum(total)
    assert found[0].mean == pytest.approx(float((theta * total).sum()), abs=0.05)
    assert found[0].low == pytest.approx(float(theta[np.searchsorted(cdf, 0.025)]), abs=0.1)
    assert found[0].high == pytest.approx(float(theta[np.searchsorted(cdf, 0.975)]), abs=0.15)
    assert found[0].positive == pytest.approx(float(total[theta > 0].sum()), abs=0.02)


def test_few_tests_say_that_the_prior_is_weak() -> None:
    assert shrink([1.0], [0.5])[0].weak
    assert shrink([1.0] * (FEW - 1), [0.5] * (FEW - 1))[0].weak
    assert not shrink([1.0] * FEW, [0.5] * FEW)[0].weak


def test_only_gives_the_same_as_all() -> None:
    effects, errors = [3.0, 0.1, -0.4], [1.0, 0.5, 0.7]
    assert shrink(effects, errors, only=[2, 0])[1] == [shrink(effects, errors)[1][i] for i in (2, 0)]


finite = st.floats(-20, 20).filter(lambda x: x == 0 or abs(x) > 1e-3)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(finite, st.floats(0.05, 5)), min_size=1, max_size=12), st.floats(0.01, 100))
def test_units_and_signs_do_not_matter(rows: list[tuple[float, float]], unit: float) -> None:
    effects, errors = [m for m, _ in rows], [s for _, s in rows]
    found = shrink(effects, errors)[1]
    scaled = shrink([unit * m for m in effects], [unit * s for s in errors])[1]
    mirrored = shrink([-m for m in effects], errors)[1]
    for a, b, c in zip(found, scaled, mirrored, strict=True):
        assert b.mean == pytest.approx(unit * a.mean, rel=1e-3, abs=1e-3 * unit)
        assert c.mean == pytest.approx(-a.mean, rel=1e-3, abs=1e-3)
        assert (c.low, c.high) == pytest.approx((-a.high, -a.low), rel=1e-3, abs=1e-2)
        assert a.low <= a.mean <= a.high


def test_deviations_are_pulled_together_as_they_should() -> None:
    """Moderated variances are nearer the truth than raw ones, and their degrees of freedom are about right."""
    rng = np.random.default_rng(0)
    for d0 in (3.0, 12.0):
        raw_error = moderated_error = 0.0
        covered, tried = 0, 0
        for _ in range(40):
            variance = d0 / rng.chisquare(d0, 50)
            s2 = variance * rng.chisquare(2, 50) / 2
            found, degrees = moderate(np.sqrt(s2).tolist(), [2.0] * 50)
            raw_error += float(np.mean((np.log(s2) - np.log(variance)) ** 2))
            moderated_error += float(np.mean((2 * np.log(found) - np.log(variance)) ** 2))
            error = rng.normal(size=50) * np.sqrt(variance) / np.array(found)
            limits = np.array([stats.t.ppf(0.975, d) if math.isfinite(d) else 1.96 for d in degrees])
            covered += int((np.abs(error) < limits).sum())
            tried += 50
        assert moderated_error < raw_error / 2
        assert 0.935 < covered / tried < 0.965


def test_one_noise_for_all_is_found() -> None:
    rng = np.random.default_rng(1)
    s = np.sqrt(rng.chisquare(3, 200) / 3)
    found, degrees = moderate(s.tolist(), [3.0] * 200)
    assert np.std(found) < 0.1
    assert min(degrees) > 20


def test_too_few_deviations_stay_as_they_are() -> None:
    assert moderate([1.0, 3.0], [2.0, 2.0]) == ([1.0, 3.0], [2.0, 2.0])


def test_a_shrunken_effect_is_between_nothing_and_the_measurement() -> None:
    _, found = shrink([4.0, 0.2, -0.1, 0.4, -0.3, 0.1], [1.0] * 6)
    first: Shrunken = found[0]
    assert 0 < first.mean < 4.0
    assert first.positive > 0.9
