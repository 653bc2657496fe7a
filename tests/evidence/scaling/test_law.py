"""The fitted law: against the published refit of Chinchilla, against scipy, and against planted laws."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from assay.evidence.scaling import huber, starts
from assay.evidence.scaling.huber import Design
from assay.evidence.scaling.law import PARAMETERS, best_sizes, fit, losses
from assay.evidence.scaling.runs import Runs, read_runs

from .planted import CHINCHILLA, LAW, loss, runs, sizes, with_chinchilla

Parameters = st.tuples(
    st.floats(20, 2000), st.floats(100, 50_000), st.floats(0.5, 3.0), st.floats(0.2, 0.6), st.floats(0.2, 0.6)
)


@with_chinchilla
def test_chinchilla_is_refitted_as_published() -> None:
    """Besiroglu et al. 2024, recomputed by others from the same points."""
    expected = json.loads((CHINCHILLA.parent / "expected.json").read_text())
    law = fit(read_runs(CHINCHILLA).without_lowest_ratio(5))
    for name in PARAMETERS:
        tolerance = expected["tolerance"].get(f"{name}_rel")
        wanted = expected["recomputed"][name]
        allowed = tolerance * wanted if tolerance else expected["tolerance"][name]
        assert abs(getattr(law, name) - wanted) <= allowed, name
    exponent = expected["optimal_N_exponent"]
    assert law.exponent == pytest.approx(exponent["value"], abs=0.005)
    assert law.interval("exponent") == pytest.approx(exponent["ci95_bootstrap200"], abs=0.015)


def reference_objective(theta: np.ndarray, rows: Runs) -> float:
    """Equation 3 of Hoffmann et al. 2022, written out."""
    a, b, e, alpha, beta = theta
    total = 0.0
    for n, d, value in zip(rows.params, rows.tokens, rows.loss, strict=True):
        terms = (a - alpha * math.log(n), b - beta * math.log(d), e)
        top = max(terms)
        residual = abs(top + math.log(sum(math.exp(term - top) for term in terms)) - math.log(value))
        total += 0.5 * residual**2 if residual <= 1e-3 else 1e-3 * (residual - 0.5e-3)
    return total


def test_no_other_optimiser_finds_a_lower_huber_loss() -> None:
    rows = runs(noise=0.004, seed=3, sides=4)
    law = fit(rows, resamples=2)
    ours = reference_objective(np.array([math.log(law.A), math.log(law.B), math.log(law.E), law.alpha, law.beta]), rows)
    assert ours == pytest.approx(law.objective, rel=1e-9)
    best = math.inf
    for alpha, beta in ((0.2, 0.3), (0.3, 0.4), (0.5, 0.5)):
        start = np.array([math.log(100.0), math.log(5000.0), 0.3, alpha, beta])
        options = {"maxiter": 6000, "maxfev": 6000, "xatol": 1e-9, "fatol": 1e-13}
        found = optimize.minimize(reference_objective, start, args=(rows,), method="Nelder-Mead", options=options)
        best = min(best, float(found.fun))
    assert ours <= best + 1e-9


def test_gradient_and_hessian_are_the_objective_s() -> None:
    rows = runs(noise=0.02, seed=1, sides=4)
    design = Design.of(rows.params, rows.tokens, rows.loss)
    theta = np.array([[-1.0, -1.4, -0.6, 0.3, 0.5]])
    weight = np.random.default_rng(0).exponential(size=(1, len(rows)))
    # A wide quadratic part, so that finite differences cross no kink.
    value, gradient, hessian = huber._terms(design, theta, weight, 10.0)
    for i in range(5):
        step = np.zeros((1, 5))
        step[0, i] = 1e-5
        above, below = (huber._terms(design, theta + sign * step, weight, 10.0) for sign in (1, -1))
        assert gradient[0, i] == pytest.approx((above[0][0] - below[0][0]) / 2e-5, rel=1e-6)
        assert hessian[0, i] == pytest.approx((above[1][0] - below[1][0]) / 2e-5, rel=1e-5, abs=1e-7)
    assert value[0] > 0


@settings(max_examples=8, deadline=None)
@given(Parameters, st.sampled_from(["huber", "projection"]))
def test_planted_laws_are_recovered(law: tuple[float, ...], method: str) -> None:
    found = fit(runs(law=law), method, resamples=2)  # type: ignore[arg-type]
    assert found.alpha == pytest.approx(law[3], abs=2e-3)
    assert found.beta == pytest.approx(law[4], abs=2e-3)
    assert pytest.approx(law[2], rel=5e-3) == found.E
    assert found.exponent == pytest.approx(law[4] / (law[3] + law[4]), abs=2e-3)


@settings(max_examples=4, deadline=None)
@given(st.floats(1e-9, 1e3), st.floats(1e-9, 1e3), st.randoms(use_true_random=False))
def test_units_and_order_of_rows_do_not_matter(per_param: float, per_token: float, draw: object) -> None:
    rows = runs(noise=0.005, seed=5, sides=5)
    order = list(range(len(rows)))
    draw.shuffle(order)  # type: ignore[attr-defined]
    turned = Runs.of(rows.params[order] * per_param, rows.tokens[order] * per_token, rows.loss[order])
    a, b = fit(rows, resamples=2), fit(turned, resamples=2)
    assert (b.alpha, b.beta, b.E) == pytest.approx((a.alpha, a.beta, a.E), rel=1e-5)
    assert pytest.approx(a.A * per_param**a.alpha, rel=1e-3) == b.A
    assert pytest.approx(a.B * per_token**a.beta, rel=1e-3) == b.B


def test_the_same_table_gives_the_same_intervals() -> None:
    rows = runs(noise=0.01, seed=2)
    assert fit(rows).interval("alpha") == fit(rows).interval("alpha")


def test_the_starts_hold_the_answer_of_noise_free_runs_nearby() -> None:
    rows = runs()
    design = Design.of(rows.params, rows.tokens, rows.loss)
    theta, errors = starts.grid(design, np.ones((1, len(rows))))
    best = theta[0, errors[0].argmin()]
    ratio = starts.GRID[1] / starts.GRID[0]
    assert LAW[3] / ratio <= best[3] <= LAW[3] * ratio
    assert LAW[4] / ratio <= best[4] <= LAW[4] * ratio


def test_the_best_size_is_the_lowest_point_of_a_budget() -> None:
    params = np.geomspace(1e7, 1e11, 4001)
    compute = 1e20
    least = params[loss(params, compute / 6 / params).argmin()]
    found, tokens = best_sizes(np.array([LAW]), np.array([compute]))
    assert found[0, 0] == pytest.approx(least, rel=0.005)
    assert 6 * found[0, 0] * tokens[0, 0] == pytest.approx(compute)
    assert losses(np.array([LAW]), found, tokens)[0, 0] <= loss(params, compute / 6 / params).min() + 1e-12


def coverage(repetitions: int, sides: int, noise: float, stretch: bool = True) -> float:
    """How often the 95% interval of the compute exponent holds the true one."""
    truth = LAW[4] / (LAW[3] + LAW[4])
    hits = 0
    for repetition in range(repetitions):
        rows = runs(noise=noise, seed=1000 + repetition, sides=sides)
        law = fit(rows, resamples=150, seed=repetition)
        low, high = law.interval("exponent")
        if not stretch:
            middle = law.exponent
            low, high = middle + 0.5 * (low - middle), middle + 0.5 * (high - middle)
        hits += low <= truth <= high
    return hits / repetitions


@pytest.mark.slow
@pytest.mark.parametrize(("sides", "noise"), [(7, 0.01), (4, 0.003)])
def test_intervals_cover_the_true_exponent(sides: int, noise: float) -> None:
    assert coverage(150, sides, noise) >= 0.90


@pytest.mark.slow
def test_the_same_check_catches_intervals_half_as_wide() -> None:
    assert coverage(150, 7, 0.01, stretch=False) < 0.85


def test_checkpoints_of_one_run_are_resampled_together() -> None:
    """Runs whose checkpoints share their noise say less than as many independent rows: the interval must be wider."""
    params, tokens = sizes(8)
    names = [f"run{params_of:.3g}" for params_of in params]
    rng = np.random.default_rng(0)
    shift = {name: rng.normal(0, 0.01) for name in sorted(set(names))}
    values = loss(params, tokens) * np.exp([shift[name] for name in names] + rng.normal(0, 1e-3, len(params)))
    alone = fit(Runs.of(params, tokens, values)).interval("alpha")
    together = fit(Runs.of(params, tokens, values, groups=names)).interval("alpha")
    assert together[1] - together[0] > 1.5 * (alone[1] - alone[0])


def test_exponents_that_the_runs_do_not_hold_are_called_untold() -> None:
    assert fit(runs(noise=0.003)).untold is None
    params, tokens = sizes(3)
    scatter = np.random.default_rng(0).normal(0, 0.05, len(params))
    assert fit(Runs.of(params, tokens, loss(params, tokens) * np.exp(scatter))).untold is not None
