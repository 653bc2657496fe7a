"""Limits, the best mixture and designs, against what is known about them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from assay.evidence.mixtures.best import best_mixture, gain
from assay.evidence.mixtures.design import informative, space_filling
from assay.evidence.mixtures.gp import GaussianProcess
from assay.evidence.mixtures.linear import Linear
from assay.evidence.mixtures.simplex import Limits, hellinger, limits_of, project, rounded

from .planted import loss, mixtures

FREE = Limits(np.zeros(3), np.ones(3))
ROWS = mixtures(50, 3, 1)
FITTED = GaussianProcess.fit(ROWS, loss(ROWS) + 0.01 * np.random.default_rng(2).standard_normal(50))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_projection_is_the_nearest_mixture_within_the_limits(seed: int) -> None:
    """Against a general solver."""
    rng = np.random.default_rng(seed)
    limits = Limits(rng.uniform(0, 0.2, 4), rng.uniform(0.4, 1, 4))
    point = rng.normal(0.25, 0.5, 4)
    found = project(point[None], limits)[0]
    assert found.sum() == pytest.approx(1)
    assert np.all((found >= limits.low - 1e-9) & (found <= limits.high + 1e-9))
    other = optimize.minimize(
        lambda w: np.sum((w - point) ** 2), np.full(4, 0.25), bounds=list(zip(limits.low, limits.high, strict=True)),
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1}, method="SLSQP", options={"ftol": 1e-14},
    )  # fmt: skip
    assert np.sum((found - point) ** 2) <= np.sum((other.x - point) ** 2) + 1e-6


@given(st.integers(0, 10_000), st.integers(2, 20))
def test_rounded_mixtures_still_add_up_and_are_near(seed: int, domains: int) -> None:
    points = np.random.default_rng(seed).dirichlet(np.full(domains, 0.3), 5)
    found = rounded(points)
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-12)
    assert np.abs(found - points).max() < 2e-4
    assert found.min() >= 0


def test_hellinger_distance_of_equal_and_of_disjoint_mixtures() -> None:
    assert hellinger(np.eye(3), np.eye(3)) == pytest.approx(1 - np.eye(3))
    assert hellinger(np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]]))[0, 0] == pytest.approx(np.sqrt(1 - np.sqrt(0.5)))


def test_tokens_limit_weights() -> None:
    found = limits_of(("web", "code"), available={"code": 1e9}, train_tokens=2e10, epochs=4)
    assert found.high.tolist() == [1, 0.2]


def test_no_mixture_on_a_fine_grid_is_predicted_to_be_better() -> None:
    steps = np.linspace(0, 1, 81)
    grid = np.array([[a, b, max(1 - a - b, 0)] for a in steps for b in steps if a + b <= 1])
    best, free = best_mixture(FITTED, ROWS, FREE)
    assert best.supported
    assert free is None
    assert best.mean <= FITTED.predict(grid).mean.min() + 1e-6


def test_a_mixture_out_where_nothing_is_known_is_refused() -> None:
    """All trained mixtures lie in one corner, and a straight line falls away from it for ever."""
    weights = mixtures(30, 3, 5) * 0.02
    weights[:, 0] += 0.98
    values = 3 - weights[:, 1] * 5 + 0.01 * np.random.default_rng(6).standard_normal(30)
    fitted = Linear.fit(weights, values)
    best, free = best_mixture(fitted, weights, FREE)
    assert free is not None
    assert not free.supported
    assert free.mean < best.mean
    assert best.supported
    assert best.distance < free.distance


def test_the_gain_over_the_best_trained_mixture_has_an_honest_interval() -> None:
    best, _ = best_mixture(FITTED, ROWS, FREE)
    saved = gain(FITTED, ROWS, best, FREE)
    truth = float(loss(ROWS[saved.row][None])[0] - loss(best.mixture[None])[0])
    assert saved.lo is not None
    assert saved.hi is not None
    assert saved.lo <= truth <= saved.hi


def test_space_filling_designs_keep_farther_apart_than_random_ones() -> None:
    centre = np.array([0.6, 0.3, 0.1])
    design = space_filling(centre, 12, FREE, seed=1)
    assert design[0] == pytest.approx(centre)

    def least(points: np.ndarray) -> float:
        far = hellinger(points, points)
        return float(far[~np.eye(len(points), dtype=bool)].min())

    assert least(design) > 3 * np.median([least(mixtures(12, 3, seed, 1.0)) for seed in range(20)])
    assert np.array_equal(design, space_filling(centre, 12, FREE, seed=1))


def test_learning_designs_take_away_more_variance_than_random_ones() -> None:
    few = GaussianProcess(FITTED.parameters, ROWS[:6], FITTED.values[:6])
    design, removed = informative(few, ROWS[:6], 5, FREE, "learn", seed=0)
    fresh = mixtures(400, 3, 9)

    def left(points: np.ndarray) -> float:
        rows = np.concatenate([ROWS[:6], points])
        known = GaussianProcess(FITTED.parameters, rows, np.concatenate([FITTED.values[:6], np.zeros(len(points))]))
        return float(np.mean((known.predict(fresh).sd_mean / known.unit) ** 2))

    assert left(design) < np.median([left(mixtures(5, 3, seed)) for seed in range(15)])
    assert 0 < removed < 1


def test_designs_for_the_best_mixture_look_where_it_is() -> None:
    found, _ = informative(FITTED, ROWS, 5, FREE, "best", seed=0)
    assert loss(found).max() < np.quantile(loss(ROWS), 0.25)
