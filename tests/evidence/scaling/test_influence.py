"""Influential runs are found, those that mask each other as well, and clean tables have none."""

import numpy as np
import pytest

from assay.evidence.scaling.influence import influence
from assay.evidence.scaling.law import fit
from assay.evidence.scaling.runs import Runs, read_runs

from .planted import CHINCHILLA, loss, runs, sizes, with_chinchilla


@with_chinchilla
def test_the_five_points_that_bend_chinchilla_s_fit_are_found() -> None:
    rows = read_runs(CHINCHILLA)
    rests = influence(fit(rows))
    five = {rows.lines[i] for i in np.argsort(rows.ratio)[:5]}
    assert five <= {run.line for run in rests.runs}
    assert five == {run.line for run in rests.runs[:5]}, "they are the farthest off the others' law"
    assert len(rests.runs) <= 15
    assert rests.without is not None
    assert rests.without.exponent == pytest.approx(0.514, abs=0.01)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("end", ["fewest tokens", "largest"])
def test_planted_runs_that_mask_each_other_are_found(seed: int, end: str) -> None:
    params, tokens = sizes(9)
    rng = np.random.default_rng(seed)
    values = loss(params, tokens) * np.exp(rng.normal(0, 0.005, len(params)))
    order = np.argsort(tokens / params) if end == "fewest tokens" else np.argsort(-params * tokens)
    wrong = order[:4]
    values[wrong] *= 1.12
    rests = influence(fit(Runs.of(params, tokens, values)))
    assert {int(i) + 1 for i in wrong} <= {run.line for run in rests.runs}
    assert rests.without is not None
    assert rests.without.exponent == pytest.approx(0.41 / 0.69, abs=0.04)


def test_clean_tables_have_hardly_any() -> None:
    found = [len(influence(fit(runs(noise=0.005, seed=seed, sides=9), resamples=100)).runs) for seed in range(12)]
    assert sum(found) <= 12


def test_checkpoints_of_a_training_run_that_went_wrong_are_found_and_training_runs_are_left_out_whole() -> None:
    params, tokens = sizes(8)
    names = np.array([f"run{value:.3g}" for value in params])
    values = loss(params, tokens) * np.exp(np.random.default_rng(0).normal(0, 0.002, len(params)))
    wrong = params == params.max()
    values[wrong] *= 1.05
    rests = influence(fit(Runs.of(params, tokens, values, groups=names.tolist())))
    assert {run.line for run in rests.runs} == {int(i) + 1 for i in np.flatnonzero(wrong)}
    assert rests.without is not None
    assert rests.without.exponent == pytest.approx(0.41 / 0.69, abs=0.02)
    assert all(group.rows == 8 for group in rests.groups)


def test_seven_runs_are_too_few_to_leave_one_out() -> None:
    params, tokens = sizes(3)
    rests = influence(fit(Runs.of(params[:8], tokens[:8], loss(params, tokens)[:8]).take(range(7)), resamples=20))
    assert rests.runs == ()
    assert "too few" in rests.note
