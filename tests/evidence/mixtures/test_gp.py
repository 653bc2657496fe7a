"""The default regression, against dense formulas written another way, finite differences, and simulations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from assay.evidence.mixtures.gp import GaussianProcess, objective
from assay.evidence.mixtures.model import Z95

from .planted import loss, mixtures

SMALL = mixtures(9, 3, 1)
VALUES = loss(SMALL) + 0.05 * np.random.default_rng(2).standard_normal(9)
PARAMETERS = np.array([-0.4, 0.1, 0.6, 0.2, -1.5])


def correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Matérn with ν = 5/2 entry by entry, from the textbook."""
    found = np.empty((len(a), len(b)))
    for i, p in enumerate(a):
        for j, q in enumerate(b):
            r = np.sqrt(np.sum(((np.sqrt(p) - np.sqrt(q)) / np.exp(PARAMETERS[:3])) ** 2))
            found[i, j] = (1 + np.sqrt(5) * r + 5 * r**2 / 3) * np.exp(-np.sqrt(5) * r)
    return found


def reference(rows: np.ndarray, values: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance at points: the constant mean as one more Gaussian effect with a huge variance."""
    signal, noise, vast = np.exp(2 * PARAMETERS[3]), np.exp(2 * PARAMETERS[4]), 1e7
    among = signal * correlation(rows, rows) + vast + noise * np.eye(len(rows))
    across = signal * correlation(at, rows) + vast
    weights = np.linalg.solve(among, across.T).T
    variance = np.diag(signal * correlation(at, at) + vast - weights @ across.T)
    return weights @ values, variance


def test_prediction_matches_the_dense_formula_with_a_vast_prior_on_the_constant() -> None:
    at = mixtures(6, 3, 3)
    unit, centre = VALUES.std(), VALUES.mean()
    mean, variance = reference(SMALL, (VALUES - centre) / unit, at)
    found = GaussianProcess(PARAMETERS, SMALL, VALUES).predict(at)
    assert found.mean == pytest.approx(centre + unit * mean, abs=1e-5)
    assert found.sd_mean == pytest.approx(unit * np.sqrt(variance), rel=1e-4)
    assert found.sd == pytest.approx(unit * np.sqrt(variance + np.exp(2 * PARAMETERS[4])), rel=1e-4)


def test_covariance_has_the_variances_on_its_diagonal_and_no_negative_direction() -> None:
    at = mixtures(6, 3, 3)
    fitted = GaussianProcess(PARAMETERS, SMALL, VALUES)
    covariance = fitted.covariance(at, at)
    assert np.sqrt(np.diag(covariance)) == pytest.approx(fitted.predict(at).sd_mean, rel=1e-9)
    assert np.linalg.eigvalsh(covariance).min() > -1e-12


def test_left_out_rows_match_refitting_without_each_row() -> None:
    unit, centre = VALUES.std(), VALUES.mean()
    found = GaussianProcess(PARAMETERS, SMALL, VALUES).left_out()
    for row in range(len(SMALL)):
        rest = np.arange(len(SMALL)) != row
        mean, variance = reference(SMALL[rest], ((VALUES - centre) / unit)[rest], SMALL[row : row + 1])
        assert found.mean[row] == pytest.approx(centre + unit * mean[0], abs=1e-5)
        assert found.sd[row] == pytest.approx(unit * np.sqrt(variance[0] + np.exp(2 * PARAMETERS[4])), rel=1e-4)


def test_gradient_matches_finite_differences() -> None:
    points, standardised = np.sqrt(SMALL), (VALUES - VALUES.mean()) / VALUES.std()
    _, gradient = objective(PARAMETERS, points, standardised)
    for place in range(len(PARAMETERS)):
        step = 1e-5 * np.eye(len(PARAMETERS))[place]
        up, down = (objective(PARAMETERS + sign * step, points, standardised)[0] for sign in (1, -1))
        assert gradient[place] == pytest.approx((up - down) / 2e-5, rel=1e-5, abs=1e-7)


def test_objective_differs_from_the_gaussian_density_of_contrasts_by_the_prior_alone() -> None:
    """The restricted likelihood is the density of the data's contrasts, which no constant can change."""
    standardised = (VALUES - VALUES.mean()) / VALUES.std()
    contrasts = np.linalg.svd(np.ones((1, 9)))[2][1:]
    shorter = PARAMETERS.copy()
    shorter[0] -= 0.3

    def density(parameters: np.ndarray) -> float:
        lengths, signal, noise = np.exp(parameters[:3]), np.exp(2 * parameters[3]), np.exp(2 * parameters[4])
        far = (np.sqrt(SMALL)[:, None] - np.sqrt(SMALL)[None]) / lengths
        r = np.sqrt(np.sum(far**2, axis=2))
        among = signal * (1 + np.sqrt(5) * r + 5 * r**2 / 3) * np.exp(-np.sqrt(5) * r) + noise * np.eye(9)
        return float(stats.multivariate_normal.logpdf(contrasts @ standardised, cov=contrasts @ among @ contrasts.T))

    found = [objective(p, np.sqrt(SMALL), standardised)[0] for p in (PARAMETERS, shorter)]
    prior = [0.5 * p[0] ** 2 for p in (PARAMETERS, shorter)]  # median 1, deviation 1 of the logarithm
    assert found[1] - found[0] - (prior[1] - prior[0]) == pytest.approx(
        density(PARAMETERS) - density(shorter), abs=1e-8
    )


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(9)), st.permutations(range(3)))
def test_order_of_rows_and_domains_does_not_matter(rows: list[int], domains: list[int]) -> None:
    at = mixtures(5, 3, 4)
    plain = GaussianProcess.fit(SMALL, VALUES).predict(at)
    moved = GaussianProcess.fit(SMALL[rows][:, domains], VALUES[rows]).predict(at[:, domains])
    assert moved.mean == pytest.approx(plain.mean, abs=0.02 * VALUES.std())


@pytest.mark.parametrize(("scale", "shift"), [(1e-3, 0.0), (1.0, 1e4), (1e5, -3.0)])
def test_unit_of_the_target_does_not_matter(scale: float, shift: float) -> None:
    at = mixtures(5, 3, 4)
    plain = GaussianProcess.fit(SMALL, VALUES).predict(at)
    other = GaussianProcess.fit(SMALL, scale * VALUES + shift).predict(at)
    assert (other.mean - shift) / scale == pytest.approx(plain.mean, rel=1e-3)
    assert other.sd / scale == pytest.approx(plain.sd, rel=0.02)


def test_a_planted_function_is_found_with_its_noise() -> None:
    weights = mixtures(150, 5, 5)
    values = loss(weights) + 0.02 * np.random.default_rng(6).standard_normal(150)
    fitted = GaussianProcess.fit(weights, values)
    fresh = mixtures(300, 5, 7)
    prediction = fitted.predict(fresh)
    assert np.sqrt(np.mean((prediction.mean - loss(fresh)) ** 2)) < 0.03
    noise = fitted.unit * np.exp(fitted.parameters[-1])
    assert 0.015 < noise < 0.025
    lengths = fitted.parameters[:5]
    assert lengths[0] < lengths[-1], "the strongest domain has the shorter length scale"


def test_intervals_cover_what_they_promise() -> None:
    """New runs on functions drawn from nowhere near the model's own prior; a model that forgot the noise fails."""
    inside, without_noise, total = 0, 0, 0
    for seed in range(12):
        rng = np.random.default_rng(100 + seed)
        weights, fresh = mixtures(80, 4, seed), mixtures(100, 4, 50 + seed)
        fitted = GaussianProcess.fit(weights, loss(weights) + 0.05 * rng.standard_normal(80))
        prediction = fitted.predict(fresh)
        off = np.abs(loss(fresh) + 0.05 * rng.standard_normal(100) - prediction.mean)
        inside += int(np.sum(off < Z95 * prediction.sd))
        without_noise += int(np.sum(off < Z95 * prediction.sd_mean))
        total += 100
    assert 0.92 < inside / total < 0.98
    assert without_noise / total < 0.8
