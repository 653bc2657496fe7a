"""What every regression from mixture weights to a loss must do."""

import importlib.util
import json

import numpy as np
import pytest

from assay.evidence.mixtures.regressor import Regressor
from assay.spec.registry import load, names
from tests.evidence.mixtures.planted import Floats, mixtures

NAMES = [
    pytest.param(name, marks=pytest.mark.skipif(
        name == "lightgbm" and not importlib.util.find_spec("lightgbm"), reason="assay[lightgbm] is not installed"))
    for name in names("mixture_regressor")
]  # fmt: skip


def loss(weights: Floats) -> Floats:
    """What even a straight line can learn."""
    return weights @ np.array([2.0, 3.0, 5.0])


ROWS = mixtures(80, 3, 0)
VALUES = loss(ROWS) + 0.02 * np.random.default_rng(1).standard_normal(80)
FRESH = mixtures(60, 3, 2)


@pytest.fixture(scope="module")
def fitted() -> dict[str, Regressor]:
    return {}


def fit(name: str, fitted: dict[str, Regressor]) -> Regressor:
    if name not in fitted:
        fitted[name] = load("mixture_regressor", name).fit(ROWS, VALUES, 3)
    return fitted[name]


@pytest.mark.parametrize("name", NAMES)
def test_it_predicts_better_than_the_mean_and_says_how_well(name: str, fitted: dict[str, Regressor]) -> None:
    found = fit(name, fitted).predict(FRESH)
    error = found.mean - loss(FRESH)
    assert np.sqrt(np.mean(error**2)) < 0.6 * loss(FRESH).std()
    assert np.all(found.sd >= found.sd_mean)
    assert np.all(found.sd > 0)
    assert 0.8 < np.mean(np.abs(error) < 2 * found.sd) <= 1


@pytest.mark.parametrize("name", NAMES)
def test_each_row_is_predicted_without_itself(name: str, fitted: dict[str, Regressor]) -> None:
    """A regression that saw the row would follow an outlier; one that did not, cannot."""
    odd = VALUES.copy()
    odd[7] += 5
    plain = fit(name, fitted).left_out()
    with_outlier = load("mixture_regressor", name).fit(ROWS, odd, 3).left_out()
    assert plain.mean.shape == plain.sd.shape == (80,)
    assert abs(with_outlier.mean[7] - VALUES[7]) < 2
    assert 0.85 < np.mean(np.abs(plain.mean - VALUES) < 1.96 * plain.sd) <= 1


@pytest.mark.parametrize("name", NAMES)
def test_it_survives_json_to_the_last_bit(name: str, fitted: dict[str, Regressor]) -> None:
    one = fit(name, fitted)
    other = load("mixture_regressor", name).restore(json.loads(json.dumps(one.state())), ROWS, VALUES)
    for before, after in ((one.predict(FRESH), other.predict(FRESH)), (one.left_out(), other.left_out())):
        assert np.array_equal(before.mean, after.mean)
        assert np.array_equal(before.sd, after.sd)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_fit(name: str, fitted: dict[str, Regressor]) -> None:
    again = load("mixture_regressor", name).fit(ROWS, VALUES, 3)
    assert np.array_equal(fit(name, fitted).predict(FRESH).mean, again.predict(FRESH).mean)


@pytest.mark.parametrize("name", NAMES)
def test_few_rows_repeats_and_a_domain_that_never_occurs_are_no_problem(name: str) -> None:
    rows = np.concatenate([mixtures(3, 5, 4), mixtures(3, 5, 4)])
    rows[:, 2] = 0
    rows /= rows.sum(axis=1, keepdims=True)
    values = np.array([3.0, 4.0, 5.0, 3.1, 4.1, 5.1])
    found = load("mixture_regressor", name).fit(rows, values, 0).predict(np.eye(5))
    assert np.all(np.isfinite(found.mean))
    assert np.all(np.isfinite(found.sd))


@pytest.mark.parametrize("name", NAMES)
def test_covariances_fit_the_deviations_where_there_are_any(name: str, fitted: dict[str, Regressor]) -> None:
    covariance = fit(name, fitted).covariance(FRESH, FRESH)
    if covariance is not None:
        assert np.sqrt(np.diag(covariance)) == pytest.approx(fit(name, fitted).predict(FRESH).sd_mean, rel=1e-6)
