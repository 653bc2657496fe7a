"""Error control of the whole loop: many campaigns through the real `Decider`, on outcomes whose truth is known.

What counts, so that nothing flatters the numbers:

* A campaign errs if it promotes a change that does not truly help at both the smallest and the confirmation scale.
* A true effect is found if it was promoted, whether in its first test or in a retest. A test that was supported
  against a champion replaced meanwhile promotes nothing; only its retest may, on the new champion, with a number and
  level of its own. All true effects that were proposed are counted, whatever they were screened out by.
* The false discovery rate is the mean over campaigns of false promotions / max(1, promotions).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from assay.campaign import decide
from assay.campaign.decide import Key, Need
from assay.campaign.simulate import (
    Effects,
    Outcomes,
    SimulatedCampaign,
    World,
    characteristics,
    exact_interval,
    random_proposals,
    simulate,
)
from assay.evidence.online import level
from assay.evidence.sequential import e_value
from assay.spec.lab import EvidenceSettings

SETTINGS = EvidenceSettings()
PROPOSALS = 50
NOTHING: list[Effects] = [(0.0, 0.0, 0.0)] * PROPOSALS
#: Two standard deviations better at the smallest scale, and nothing or harm beyond it.
SMALL_ONLY: list[Effects] = [(2.0, 0.0, 0.0)] * PROPOSALS
#: The other half of the same trap.
LARGE_ONLY: list[Effects] = [(0.0, 2.0, 2.0)] * PROPOSALS
HARM_LATER: list[Effects] = [(2.0, -2.0, -2.0), (0.0, -2.0, -2.0)] * (PROPOSALS // 2)


def campaigns(
    number: int, proposals: Sequence[Effects] | None = None, seed: int = 0, settings: EvidenceSettings = SETTINGS,
    **how: Any,
) -> list[SimulatedCampaign]:  # fmt: skip
    """Without `proposals`, each truly helps by two standard deviations with probability 10%."""
    found: list[SimulatedCampaign] = []
    for campaign in range(number):
        rng = np.random.default_rng([seed, campaign])
        tried = random_proposals(rng, PROPOSALS, 0.1, 2.0) if proposals is None else proposals
        found.append(simulate(settings, tried, rng, **how))
    return found


def errs_too_often(found: Sequence[SimulatedCampaign]) -> bool:
    """The null check: the exact 99% lower bound of the share of campaigns that err exceeds 5%."""
    hits = sum(campaign.false_promotions > 0 for campaign in found)
    lower = stats.beta.ppf(0.01, hits, len(found) - hits + 1) if hits else 0.0
    return bool(lower > 0.05)


# Nothing to find


def test_two_thousand_campaigns_of_changes_that_change_nothing() -> None:
    found = campaigns(2_000, NOTHING)
    assert all(len(campaign.tests) >= PROPOSALS for campaign in found)
    assert all(test.decision is not None for campaign in found for test in campaign.tests)
    assert not errs_too_often(found)


@pytest.mark.parametrize(
    ("proposals", "world", "in_flight", "number"),
    [
        pytest.param(SMALL_ONLY, World(), 3, 120, id="small-only"),
        pytest.param(LARGE_ONLY, World(), 3, 300, id="large-only"),
        pytest.param(HARM_LATER, World(), 2, 120, id="harm-later"),
        pytest.param(NOTHING, World(divergence=0.03), 1, 200, id="divergence"),
        pytest.param(NOTHING, World(shared=0.0, deviation=3.0), 2, 200, id="noisy"),
        pytest.param(SMALL_ONLY, World(), 3, 2_000, id="small-only-2000", marks=pytest.mark.slow),
        pytest.param(LARGE_ONLY, World(), 2, 2_000, id="large-only-2000", marks=pytest.mark.slow),
        pytest.param(HARM_LATER, World(), 3, 2_000, id="harm-later-2000", marks=pytest.mark.slow),
        pytest.param(SMALL_ONLY, World(divergence=0.03), 1, 1_000, id="small-only-divergence", marks=pytest.mark.slow),
    ],
)
def test_hostile_nulls_are_not_promoted(proposals: list[Effects], world: World, in_flight: int, number: int) -> None:
    found = campaigns(number, proposals, seed=1, world=world, in_flight=in_flight)
    assert not errs_too_often(found)


STRUCTURAL = World(structural=True, tuning=(1.0, 0.0, -1.0, -1.0))


@pytest.mark.parametrize(
    ("proposals", "number"),
    [
        pytest.param(NOTHING, 300, id="nothing"),
        pytest.param(SMALL_ONLY, 100, id="small-only"),
        pytest.param(NOTHING, 2_000, id="nothing-2000", marks=pytest.mark.slow),
        pytest.param(SMALL_ONLY, 2_000, id="small-only-2000", marks=pytest.mark.slow),
    ],
)
def test_retuning_and_a_vault_never_raise_the_error(proposals: list[Effects], number: int) -> None:
    world = World(structural=True, tuning=STRUCTURAL.tuning, vault=0.9)
    assert not errs_too_often(campaigns(number, proposals, seed=12, world=world, in_flight=3))


def test_placebos_pass_no_more_often_than_their_levels_allow() -> None:
    """Also in campaigns that find and promote what is there."""
    often = SETTINGS.model_copy(update={"placebo_rate": 0.5})
    for effects in (None, NOTHING):
        found = campaigns(100, effects, seed=13, settings=often)
        placebos = [test for campaign in found for test in campaign.placebos]
        assert len(placebos) > 1_500
        passed = sum(test.decision == "supported" for test in placebos)
        assert stats.poisson.sf(passed - 1, sum(test.level for test in placebos)) > 1e-3
        assert all(test.decision is not None for test in placebos)


def test_placebos_find_a_test_that_lets_too_much_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "e_value", lower_mean)
    settings = SETTINGS.model_copy(update={"placebo_rate": 0.2})
    found = campaigns(20, NOTHING, seed=14, settings=settings)
    assert sum(test.decision == "supported" for campaign in found for test in campaign.placebos) >= 5


def test_what_another_learning_rate_gains_as_well_is_not_promoted() -> None:
    """An architecture as good as twice the learning rate: true effects, and no reason to change the architecture."""
    proposals: list[Effects] = [(2.0, 2.0, 2.0)] * 10
    untuned = World(structural=True, tuning=(2.0, 0.0, -1.0, -1.0))
    fair = campaigns(60, proposals, seed=15, world=untuned, in_flight=1)
    unfair = campaigns(60, proposals, seed=15, world=World(), in_flight=1)
    assert sum(0 in campaign.promoted for campaign in unfair) >= 50
    assert sum(0 in campaign.promoted for campaign in fair) <= 12


# The check has teeth


def always(fdr: float, number: int, promotions: int) -> float:  # noqa: ARG001 the signature of `level`
    return fdr


def lower_mean(n: int, mean: float, sd: float) -> float:  # noqa: ARG001 the signature of `e_value`
    return math.inf if mean > 0 else 0.0


def t_test(n: int, mean: float, sd: float) -> float:
    """1/p of the one-sided t-test, so that reaching 1/0.05 is p <= 5%, looked at after every pair."""
    return 1 / float(special.stdtr(n - 1, -mean / sd * math.sqrt(n))) if n > 1 and sd > 0 else 1.0


@pytest.mark.parametrize(
    ("rule", "budget", "screen_pairs", "proposals"),
    [
        pytest.param(lower_mean, level, 1, NOTHING, id="keep-if-better"),
        pytest.param(t_test, always, 2, NOTHING, id="repeated-t-test"),
        pytest.param(t_test, always, 2, SMALL_ONLY, id="repeated-t-test-small-only"),
        # Two independent stages at level 5% let 50 changes that do nothing through in about 3% of campaigns, so that
        # what a missing correction does shows where one of the two stages has nothing to say.
        pytest.param(e_value, always, 2, SMALL_ONLY, id="no-correction-small-only"),
        pytest.param(e_value, always, 2, LARGE_ONLY, id="no-correction-large-only"),
    ],
)
def test_the_null_check_catches_broken_rules(
    monkeypatch: pytest.MonkeyPatch,
    rule: Callable[[int, float, float], float],
    budget: Callable[[float, int, int], float],
    screen_pairs: int,
    proposals: list[Effects],
) -> None:
    monkeypatch.setattr(decide, "e_value", rule)
    monkeypatch.setattr(decide, "level", budget)
    settings = SETTINGS.model_copy(update={"screen_pairs": screen_pairs})  # 1 is fewer than a lab may ask for
    assert errs_too_often(campaigns(80, proposals, seed=2, settings=settings))


def test_the_null_check_catches_a_promotion_without_confirmation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that goes straight from the smallest scale to promotion."""
    step = decide.Decider._step

    def skip_confirmation(self: decide.Decider, test: decide.Test) -> None:
        step(self, test)
        if test.stage == "confirm":
            self._support(test)

    monkeypatch.setattr(decide.Decider, "_step", skip_confirmation)
    assert errs_too_often(campaigns(20, SMALL_ONLY, seed=3))


# Something to find


def check_power(found: Sequence[SimulatedCampaign]) -> None:
    """At least 80% of the true effects found beyond doubt, and a false discovery rate of at most 5%."""
    assert all(sorted(set(campaign.promoted)) == sorted(campaign.promoted) for campaign in found)
    # By campaigns, because effects of one campaign share thresholds.
    true_N = np.array([len(campaign.true) for campaign in found])
    missed_N = np.array([len(campaign.true - set(campaign.promoted)) for campaign in found])
    power = 1 - missed_N.sum() / true_N.sum()
    error = np.std(missed_N - (1 - power) * true_N) / math.sqrt(len(found)) / true_N.mean()
    assert power - 2.33 * error >= 0.8
    assert np.mean([campaign.false_share for campaign in found]) <= 0.05


def test_true_effects_of_two_deviations_are_found() -> None:
    found = campaigns(250, seed=4, in_flight=3)
    check_power(found)
    # The situation that retests exist for occurs, or nothing was shown about it.
    retested = [campaign for campaign in found if len(campaign.tests) > PROPOSALS]
    assert any(campaign.proposed[-1] in campaign.promoted for campaign in retested)


@pytest.mark.slow
@pytest.mark.parametrize("in_flight", [1, 2, 3])
def test_true_effects_of_two_deviations_are_found_in_two_thousand_campaigns(in_flight: int) -> None:
    check_power(campaigns(2_000, seed=5 + in_flight, in_flight=in_flight))


def test_true_effects_are_found_beside_retuning_and_a_vault() -> None:
    """A vault that lets every true gain through, and a champion that was well tuned: little is lost."""
    world = World(structural=True, tuning=(0.0, 0.0, -1.0, -1.0), vault=1.0)
    found = campaigns(100, seed=16, world=world, in_flight=3)
    true = sum(len(campaign.true) for campaign in found)
    promoted = sum(len(campaign.true & set(campaign.promoted)) for campaign in found)
    assert promoted / true >= 0.75
    assert np.mean([campaign.false_share for campaign in found]) <= 0.05


# The simulation itself


def test_paired_differences_have_the_effect_and_deviation_asked_for() -> None:
    world = World(deviation=0.6, shared=2.0)
    outcomes = Outcomes(world, np.random.default_rng(8), "start")
    outcomes.add("a", "start", (2.0, 0.0, -1.0))
    outcomes.add("b", "a", (1.0, 0.5, 0.0))
    for scale, effects in enumerate([(2.0, 3.0), (0.0, 0.5), (-1.0, -1.0)]):
        score_RN = np.array(
            [
                [outcomes.of(Need(Key(recipe, scale, seed), False, 1)).score for seed in range(4_000)]
                for recipe in ("start", "a", "b")
            ],
            dtype=float,
        )
        unit = 0.006 * world.scores[scale]
        difference_RN = (score_RN[0] - score_RN[1:]) / unit
        assert difference_RN.mean(axis=1) == pytest.approx(effects, abs=0.06)
        assert difference_RN.std(axis=1) == pytest.approx(1.0, abs=0.05)
        # Half of the variance of a difference is the champion's own, and shared.
        assert np.corrcoef(difference_RN)[0, 1] == pytest.approx(0.5, abs=0.05)
        assert score_RN[0].std() / unit == pytest.approx(math.sqrt((2.0 / 0.6) ** 2 + 0.5), abs=0.15)


def test_the_same_run_brings_the_same_half_way_and_at_the_end() -> None:
    outcomes = Outcomes(World(), np.random.default_rng(9), "start")
    key = Key("start", 0, 7)
    half, whole = outcomes.of(Need(key, True, 1)), outcomes.of(Need(key, False, 2))
    assert (half.status, whole.status) == ("paused", "finished")
    assert half.half_loss == whole.half_loss
    assert outcomes.of(Need(key, False, 3)) == whole
    assert outcomes.runs == [1, 0, 0]


def test_the_same_generator_gives_the_same_campaign() -> None:
    first, second = (campaigns(2, seed=10, world=World(divergence=0.02)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(("hits", "trials"), [(0, 40), (3, 40), (40, 40), (117, 2_000)])
def test_exact_intervals_are_those_of_clopper_and_pearson(hits: int, trials: int) -> None:
    expected = stats.binomtest(hits, trials).proportion_ci(0.99, method="exact")
    assert exact_interval(hits, trials, 0.99) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_characteristics_by_hand() -> None:
    true, false = (2.0, 2.0), (2.0, 0.0)

    def campaign(promoted: tuple[int, ...], runs: tuple[int, ...]) -> SimulatedCampaign:
        return SimulatedCampaign((true, false, true), (), (), promoted, runs)

    found = characteristics([campaign((0, 1), (10, 4)), campaign((), (20, 0)), campaign((2, 0), (0, 2))])
    assert found.erring == pytest.approx(1 / 3)
    assert found.false_discovery_rate == pytest.approx((1 / 2 + 0 + 0) / 3)
    assert found.power == pytest.approx(3 / 6)
    assert found.runs == (10.0, 2.0)
