"""Predictions hold inside and near the measured range, and are refused where the interval says nothing."""

import numpy as np

from assay.evidence.scaling.law import fit
from assay.evidence.scaling.predict import predict
from assay.evidence.scaling.runs import Runs

from .planted import loss, runs, sizes


def test_most_new_runs_fall_into_their_intervals() -> None:
    hits = total = 0
    for seed in range(5):
        law = fit(runs(noise=0.01, seed=seed))
        rng = np.random.default_rng(100 + seed)
        params, tokens = np.exp(rng.uniform(np.log([3e7, 5e8]), np.log([3e9, 5e10]), (60, 2))).T
        measured = loss(params, tokens) * np.exp(rng.normal(0, 0.01, 60))
        for found, value in zip(predict(law, params.tolist(), tokens.tolist()), measured, strict=True):
            assert found.refused is None
            assert found.lo is not None
            assert found.hi is not None
            hits += found.lo <= value <= found.hi
            total += 1
    assert 0.90 <= hits / total <= 0.985


def test_nothing_is_said_a_million_times_beyond_even_without_noise() -> None:
    (found,) = predict(fit(runs()), [3e12], [5e13])
    assert found.loss is None
    assert found.refused is not None
    assert "beyond" in found.refused


def test_noisy_runs_are_believed_less_far_than_clean_ones() -> None:
    far = ([5e10], [1e12])
    clean, noisy = (predict(fit(runs(noise=noise, seed=1, sides=5)), *far)[0] for noise in (0.0005, 0.06))
    assert clean.refused is None
    assert noisy.refused is not None


def test_exponents_that_cannot_be_told_predict_inside_the_range_only() -> None:
    params, tokens = sizes(3)
    scatter = np.random.default_rng(0).normal(0, 0.05, len(params))
    law = fit(Runs.of(params, tokens, loss(params, tokens) * np.exp(scatter)))
    inside, outside = predict(law, [3e8, 3e10], [5e9, 5e10])
    assert inside.refused is None
    assert outside.refused is not None
    assert "cannot be told" in outside.refused or "could be anything" in outside.refused
