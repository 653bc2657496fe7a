"""Evidence from pairs, pooled noise, and the expected length of a test."""

import math

import numpy as np
import pytest

from assay.evidence.compare import evidence_of
from assay.evidence.noise import pooled_deviation
from assay.evidence.planning import expected_pairs
from assay.evidence.sequential import e_value_of, futility_effect
from assay.spec.verdict import Evidence, Pair
from tests.evidence.simulate import e_values_RN, gaussian_RN, running_moments, stop_RN


def pairs(*differences: float | None) -> list[Pair]:
    return [
        Pair(seed=seed, champion=f"a{seed}", candidate=f"b{seed}", difference=difference)
        for seed, difference in enumerate(differences)
    ]


def test_evidence_describes_the_differences() -> None:
    differences = [0.02, 0.025, 0.018, 0.03, 0.022]
    found = evidence_of("replicate", "small", pairs(*differences), [2.0, 2.1, 1.9, 2.0, 2.0], 1000.0, 20, noise=0.004)
    assert found.champion_score == pytest.approx(2.0)
    assert found.effect == pytest.approx(np.mean(differences))
    assert found.deviation == pytest.approx(np.std(differences, ddof=1))
    assert found.e_value == e_value_of(differences)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.023 < found.high
    assert found.detectable is not None
    # About 1.4 deviations: the one-sided threshold of 1,000 with 20 pairs.
    assert 1.2 < found.detectable / 0.004 < 1.6


def test_a_diverged_candidate_is_never_a_dropped_pair() -> None:
    found = evidence_of("confirm", "medium", pairs(0.3, 0.31, None, 0.29, 0.3), [2.0] * 5, 20.0, 20)
    assert found.e_value == 0.0
    assert len(found.pairs) == 5
    assert (found.effect, found.deviation, found.low, found.high) == (None, None, None, None)
    assert found.champion_score == 2.0


@pytest.mark.parametrize("differences", [(), (0.1,), (0.1, 0.1)])
def test_too_little_is_no_evidence(differences: tuple[float, ...]) -> None:
    found = evidence_of("replicate", "small", pairs(*differences), [2.0] * len(differences), 20.0, 20)
    assert found.e_value == 1.0
    assert (found.low, found.high, found.detectable) == (None, None, None)
    assert Evidence.model_validate_json(found.model_dump_json()) == found


def test_a_threshold_out_of_reach_detects_nothing() -> None:
    assert evidence_of("replicate", "small", pairs(0.1, 0.2), [2.0, 2.0], 1e6, 4, noise=0.1).detectable is None


def test_pooled_deviation_is_the_within_group_deviation_of_an_analysis_of_variance() -> None:
    rng = np.random.default_rng(0)
    groups = [rng.normal(mean, 0.1, n) for mean, n in ((0, 3), (5, 8), (-2, 2), (1, 1))]
    residuals = np.concatenate([group - group.mean() for group in groups])
    expected = math.sqrt(float(residuals @ residuals) / (len(residuals) - len(groups)))
    found = pooled_deviation(
        [(len(group), float(np.std(group, ddof=1)) if len(group) > 1 else 0.0) for group in groups]
    )
    assert found == pytest.approx(expected)
    assert pooled_deviation([(1, 0.0)]) is None


def test_a_promotion_on_a_few_large_pairs_is_cautioned() -> None:
    clear = evidence_of("replicate", "small", pairs(1.0, 1.1, 0.9, 1.05, 1.2), [2.0] * 5, 100.0, 20)
    assert clear.e_value > 100
    assert clear.cautions == ()
    skewed = evidence_of("replicate", "small", pairs(1.0, 1.5, 0.5, 1.05, 1.2), [2.0] * 5, 20.0, 20, skewness=-2.0)
    assert skewed.e_value > 20
    assert "long tail" in skewed.cautions[0]
    few = [0.4, 0.5, 0.45] + [-0.01] * 3
    [caution] = evidence_of("replicate", "small", pairs(*few), [2.0] * 6, 1.5, 20).cautions
    assert "rests on a few" in caution


@pytest.mark.parametrize("threshold", [33.0, 1_000.0, 20_000.0])
@pytest.mark.parametrize("effect", [-1.0, 0.0, 0.5, 1.0, 2.0, 3.0])
def test_expected_pairs_is_close_to_simulation_and_not_below_it(threshold: float, effect: float) -> None:
    d_RN = gaussian_RN(1, 8_000, 20, effect)
    _, mean_RN, sd_RN = running_moments(d_RN)
    floor_N = np.array([0.0] + [futility_effect(n, threshold, 20) for n in range(2, 21)])
    futile_RN = (mean_RN < floor_N * sd_RN) & (np.arange(20) > 0)
    simulated = float(stop_RN((e_values_RN(d_RN) >= threshold) | futile_RN).mean()) + 1
    assert -0.1 <= expected_pairs(effect, threshold, 20) - simulated <= 3.0


def test_no_pairs_are_spent_on_a_threshold_out_of_reach() -> None:
    assert expected_pairs(2.0, 1e6, 5) == 0.0
