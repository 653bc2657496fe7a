"""The deciding state machine: order of arrival, divergence, failure, retests, cancellation, levels, caps, seeds."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.campaign import decide
from assay.campaign.decide import (
    FIRST_PLACEBO,
    PLACEBO_NUMBERS,
    RETUNE_SEEDS,
    SEEDS_A_TEST,
    Closing,
    Decider,
    Key,
    Need,
    Result,
    Stage,
    Variant,
    tried,
)
from assay.evidence.online import level
from assay.spec.calibration import Stopping
from assay.spec.lab import EvidenceSettings
from tests.evidence.simulate import e_values_RN

STAGES: tuple[Stage, ...] = ("half", "replicate", "confirm", "remeasure", "measure")
Outcome = Callable[[Need], Result]


# A small controller


@dataclass
class Loop:
    """Drives a `Decider` as the controller does, with runs that end in any order."""

    decider: Decider
    outcome: Outcome
    proposals: list[str]
    choose: random.Random | None = None
    """Picks the running run that ends next; None: the oldest."""
    running: list[Need] = field(default_factory=list)
    ended: dict[Need, Result] = field(default_factory=dict)
    submitted: list[Need] = field(default_factory=list)
    closings: list[Closing] = field(default_factory=list)
    promotions_at: dict[int, int] = field(default_factory=dict)
    """By test: promotions when it was registered."""
    events: list[tuple[str, Any]] = field(default_factory=list)

    def fill(self) -> None:
        while True:
            for need in self.decider.needs():
                self.events.append(("submitted", need))
                self.decider.submitted(need)
                self.submitted.append(need)
                self.running.append(need)
            if not self.decider.vacancies or not (self.decider.retests or self.proposals):
                return
            # A retest applies the same change to the new champion, which makes another recipe.
            if self.decider.retests:
                change = self.decider.retests.pop(0).candidate.split("+")[-1]
            else:
                change = self.proposals.pop(0)
            self.register(f"{self.decider.champion}+{change}")

    def register(self, candidate: str) -> decide.Test:
        self.promotions_at[self.decider.next_number] = self.decider.generation
        self.events.append(("register", candidate))
        return self.decider.register(candidate, may_stop_half="whole" not in candidate)

    def take_one(self) -> list[Closing]:
        """Wait for the oldest outstanding run while others may end before it."""
        oldest = self.decider.outstanding[0]
        while oldest not in self.ended:
            need = self.running.pop(self.choose.randrange(len(self.running)) if self.choose else 0)
            self.ended[need] = self.outcome(need)
            self.decider.needs()  # asking changes nothing
        result = self.ended.pop(oldest)
        self.events.append(("apply", result))
        closings = self.decider.apply(result)
        self.closings += closings
        return closings

    def run(self, steps: float = math.inf) -> "Loop":
        self.fill()
        while self.decider.outstanding and steps > 0:
            self.take_one()
            self.fill()
            steps -= 1
        return self

    def story(self) -> list[tuple[Any, ...]]:
        return [
            (t.number, t.champion, t.candidate, t.level, t.decision, t.reasons, t.seeds, promoted)
            for t, promoted in self.closings
        ]


def make(
    outcome: Outcome, proposals: list[str] | None = None, *, scales: int = 3, in_flight: int = 3, seed: int = 0,
    choose: random.Random | None = None, gates: Any = None, **evidence: Any,
) -> Loop:  # fmt: skip
    decider = Decider(EvidenceSettings(**evidence), scales, "start", seed, in_flight, gates)
    return Loop(decider, outcome, list(proposals or []), choose)


def noise(*parts: Any) -> float:
    return random.Random(repr(parts)).gauss(0, 1)


def world(
    effects: dict[str, float], bad: Callable[[Key], str] = lambda _: "", salt: int = 0, half_stops: bool = True
) -> Outcome:
    """Outcomes that depend on the run alone: 2 bits per byte, effects in units of the difference's deviation.

    Args:
        effects: by change; a recipe is its changes joined by "+".
        bad: status of a run that does not end well, else "".
        half_stops: whether the trainer stops half-way when asked to.
    """

    def outcome(need: Need) -> Result:
        key = need.key
        if status := bad(key):
            return Result(status, message="it broke" if status == "failed" else "")
        gain = sum(effects.get(change, 0.0) for change in key.recipe.split("+"))
        own = noise(salt, key) / math.sqrt(2)
        score = 2 - 0.01 * gain + 0.01 * own + 0.02 * noise(salt, key.scale, key.seed)
        if need.half and half_stops:
            return Result("paused", half_loss=score)
        return Result("finished", score, half_loss=score)

    return outcome


def share_of(number: int) -> float:
    """The spending sequence, written out: (t + 10)^(−3/2) over ζ(3/2) less its first ten terms."""
    return (number + 10) ** -1.5 / (2.6123753486854883 - sum(n**-1.5 for n in range(1, 11)))


def only(result: Loop) -> Closing:
    [closing] = result.closings
    return closing


def need_of(loop: Loop, key: Key) -> Need:
    return next(need for need in loop.submitted if need.key == key)


# Whole campaigns


@st.composite
def campaigns(draw: st.DrawFn) -> dict[str, Any]:
    """Settings, proposals and outcomes of a campaign in which everything that can happen does now and then."""
    sizes = st.sampled_from([-3.0, 0.0, 0.0, 1.0, 3.0, 6.0])
    effects = {f"c{i}{draw(st.sampled_from(['', 'whole']))}": draw(sizes) for i in range(draw(st.integers(1, 12)))}
    salt = draw(st.integers(0, 10**6))
    diverging, failing = draw(st.sampled_from([(0.0, 0.0), (0.03, 0.0), (0.1, 0.02), (0.5, 0.0)]))

    def bad(key: Key) -> str:
        u = random.Random(repr((salt, "bad", key))).random()
        return "diverged" if u < diverging else "failed" if u > 1 - failing else ""

    pairs = draw(st.integers(3, 12))
    return {
        "outcome": world(effects, bad, salt, half_stops=draw(st.booleans())),
        "proposals": list(effects),
        "in_flight": draw(st.integers(1, 3)),
        "scales": draw(st.integers(2, 4)),
        "seed": draw(st.integers(0, 3)),
        "pairs": pairs,
        "confirm_pairs": draw(st.integers(3, 12)),
        "screen_pairs": draw(st.integers(2, min(pairs, 4))),
        "measure_pairs": draw(st.integers(0, 3)),
        "fdr": draw(st.sampled_from([0.05, 0.5])),
    }


@settings(deadline=None)
@given(campaigns(), st.integers(0, 10**6))
def test_the_order_in_which_runs_end_does_not_matter(campaign: dict[str, Any], order: int) -> None:
    first = make(**campaign).run()
    second = make(**campaign, choose=random.Random(order)).run()
    assert second.submitted == first.submitted
    assert second.story() == first.story()
    assert second.decider.champions == first.decider.champions


@settings(deadline=None)
@given(campaigns(), st.integers(0, 80))
def test_a_campaign_rebuilt_from_its_history_goes_on_alike(campaign: dict[str, Any], steps: int) -> None:
    whole = make(**campaign).run()
    begun = make(**campaign).run(steps)
    rebuilt = make(**{**campaign, "proposals": []})
    for kind, what in begun.events:
        if kind == "apply":
            rebuilt.closings += rebuilt.decider.apply(what)
        elif kind == "submitted":
            rebuilt.decider.submitted(what)
        else:
            rebuilt.register(what)
            rebuilt.decider.retests = [
                t for t in rebuilt.decider.retests if t.candidate.split("+")[-1] != what.split("+")[-1]
            ]
    rebuilt.proposals = begun.proposals
    rebuilt.running = list(rebuilt.decider.outstanding)
    rebuilt.run()
    assert rebuilt.story() == whole.story()


@settings(deadline=None)
@given(campaigns())
def test_what_always_holds(campaign: dict[str, Any]) -> None:
    loop = make(**campaign).run()
    decider = loop.decider
    evidence, results = decider.settings, decider.results
    assert len({closing.test.number for closing in loop.closings}) == len(loop.closings)
    undecided = [test for test in decider.tests if test.decision is None]
    assert bool(undecided) == bool(decider.stuck)

    # Levels: e-LOND, written out.
    for test in decider.tests:
        share = evidence.fdr * share_of(test.number)
        assert test.level == pytest.approx(share * (loop.promotions_at[test.number] + 1))
        assert test.threshold * test.level == pytest.approx(1)

    # Every run is asked for once, but for one that stopped half-way and is gone on with; a champion's never stops.
    for key in {need.key for need in loop.submitted}:
        asked = [need.half for need in loop.submitted if need.key == key]
        assert asked in ([True], [False], [True, False])
    assert not any(need.half and need.key.recipe == decider.tests[need.number - 1].champion for need in loop.submitted)

    caps: dict[Stage, int] = {
        "half": 1,
        "replicate": evidence.pairs,
        "confirm": evidence.confirm_pairs,
        "remeasure": evidence.remeasure_pairs,
        "measure": evidence.measure_pairs,
    }
    for test in decider.tests:
        for stage, seeds in test.seeds.items():
            assert 0 < len(seeds) <= caps[stage]
            # No pair is left out but for the champion's sake.
            scale = decider.scale_of(stage)
            before = range(decider.seed_of(test, stage, 0), seeds[-1] + 1)
            spared = [s for s in before if results[Key(test.champion, scale, s)].status in ("diverged", "failed")]
            assert sorted(seeds + spared) == list(before)
        # Nor does a test ask for runs beyond its caps.
        allowed = {0: evidence.pairs, 1: evidence.confirm_pairs + evidence.remeasure_pairs}
        if decider.scales > 2:
            allowed[decider.scales - 1] = allowed.get(decider.scales - 1, 0) + evidence.measure_pairs
        for scale, most in allowed.items():
            keys = {need.key for need in loop.submitted if need.key.recipe == test.candidate}
            ours = [key for key in keys if key.scale == scale and need_of(loop, key).number == test.number]
            spared = [k for k in ours if results[k._replace(recipe=test.champion)].status in ("diverged", "failed")]
            assert len(ours) - len(spared) <= most

    for test, promoted in loop.closings:
        statuses = [
            results[Key(test.candidate, decider.scale_of(stage), seed)].status
            for stage, seeds in test.seeds.items()
            for seed in seeds
        ]
        if "diverged" in statuses:
            assert test.decision == "refuted"
            assert "diverged" in test.reasons[0]
        if test.decision != "supported":
            assert not promoted
            continue
        assert set(statuses) == {"finished"}
        for stage in ("replicate", "confirm"):
            differences = decider.differences(test, stage)
            assert len(differences) == len(test.seeds[stage])
            assert e_values_RN(np.array([differences]))[0, -1] >= test.threshold * (1 - 1e-9)
        assert promoted == (decider.champions[test.generation + 1] == test.candidate)
        # Exactly those that were not promoted are tested again.
        change = test.candidate.split("+")[-1]
        again = [t for t in decider.tests if t.number > test.number and t.candidate.split("+")[-1] == change]
        assert bool(again) == (not promoted)
    assert decider.champions == ["start", *(c.test.candidate for c in loop.closings if c.promoted)]


# Bad runs


def status_at(status: str, recipe: str, scale: int, places: set[int]) -> Callable[[Key], str]:
    """A recipe's runs at some seeds of a scale, counted from the first that its test uses."""

    def bad(key: Key) -> str:
        return status if key.recipe == recipe and key.scale == scale and key.seed % 500 in places else ""

    return bad


GOOD = {"good": 8.0}


def test_a_clear_gain_is_promoted() -> None:
    test, promoted = only(make(world(GOOD), ["good"]).run())
    assert promoted
    assert test.decision == "supported"
    assert set(test.seeds) == set(STAGES)


@pytest.mark.parametrize(
    ("stage", "scale", "place"), [("half", 0, 0), ("replicate", 0, 1), ("confirm", 1, 0), ("measure", 2, 1)]
)
def test_a_candidate_that_diverges_is_refuted_at_any_stage(stage: str, scale: int, place: int) -> None:
    loop = make(world(GOOD, status_at("diverged", "start+good", scale, {place})), ["good"]).run()
    test, promoted = only(loop)
    assert (test.decision, promoted, test.stage) == ("refuted", False, stage)
    assert len(test.seeds[test.stage]) == place + 1  # the pair it diverged in is part of the evidence
    assert loop.decider.champions == ["start"]


@pytest.mark.parametrize("status", ["diverged", "failed"])
@pytest.mark.parametrize(
    ("stage", "scale", "place"), [("half", 0, 0), ("replicate", 0, 1), ("confirm", 1, 0), ("measure", 2, 1)]
)
def test_a_bad_seed_of_the_champion_is_left_out_for_both(status: str, stage: Stage, scale: int, place: int) -> None:
    def bad(key: Key) -> str:
        """The candidate diverges there too, which must not count against it."""
        return status if key.scale == scale and key.seed % 500 == place and key.recipe == "start" else ""

    loop = make(world(GOOD, bad), ["good"]).run()
    test, promoted = only(loop)
    assert promoted
    skipped = loop.decider.seed_of(test, stage, place)
    assert skipped not in test.seeds[stage]
    assert skipped + 1 in test.seeds[stage]


def test_a_seed_on_which_both_diverge_says_nothing() -> None:
    def bad(key: Key) -> str:
        return "diverged" if key.scale == 1 and key.seed % 500 == 1 else ""

    test, promoted = only(make(world(GOOD, bad), ["good"]).run())
    assert promoted
    assert all(seed % 500 != 1 for seed in test.seeds["confirm"])


@pytest.mark.parametrize(("scale", "place"), [(0, 0), (0, 1), (1, 1), (2, 0)])
def test_a_candidates_failed_run_decides_nothing(scale: int, place: int) -> None:
    loop = make(world(GOOD, status_at("failed", "start+good", scale, {place})), ["good", "other"]).run()
    test, promoted = loop.closings[0] if loop.closings[0].test.number == 1 else loop.closings[1]
    assert (test.decision, promoted) == ("inconclusive", False)
    assert "it broke" in test.reasons[0]


def test_a_champion_that_never_trains_is_named_instead_of_waiting_for_ever() -> None:
    def bad(key: Key) -> str:
        return "diverged" if key.recipe == "start" else ""

    loop = make(world(GOOD, bad), [f"c{i}" for i in range(20)]).run()
    assert not loop.decider.outstanding
    assert {test.decision for test, _ in loop.closings} == {"inconclusive"}
    assert all("the champion itself" in test.reasons[0] for test, _ in loop.closings)
    assert len(loop.decider.tests) < 20  # not one after another until nothing is left
    assert "the champion itself" in loop.decider.stuck
    assert make(world(GOOD), ["good"]).run().decider.stuck == ""


# Half-way


@pytest.mark.parametrize(("loss", "goes_on"), [(2.09, True), (2.11, False), (1.0, True), (None, True)])
def test_half_way_only_what_is_far_behind_is_dropped(loss: float | None, goes_on: bool) -> None:
    def outcome(need: Need) -> Result:
        return Result("paused", half_loss=loss) if need.half else Result("finished", 2.0, half_loss=2.0)

    loop = make(outcome, ["x"], screen_stop=0.05)
    loop.fill()
    loop.take_one()
    closed = loop.take_one()
    assert [test.decision for test, _ in closed] == ([] if goes_on else ["inconclusive"])
    if goes_on:  # the same run goes on
        assert Need(loop.submitted[1].key, False, 1) in loop.decider.needs()


# Promotion, retests


@pytest.mark.parametrize(("scale", "last"), [(0, "confirm"), (1, "replicate")])
def test_a_gain_at_one_of_the_two_scales_is_not_enough(scale: int, last: str) -> None:
    def outcome(need: Need) -> Result:
        gain = 0.0 if need.key.recipe == "start" else 0.08 if need.key.scale == scale else -0.005
        return Result("finished", 2 - gain + 0.01 * noise(need.key), half_loss=2.0)

    test, promoted = only(make(outcome, ["one-sided"]).run())
    assert (test.stage, promoted) == (last, False)
    assert test.decision != "supported"


def test_a_gate_can_only_take_away() -> None:
    loop = make(world(GOOD), ["good", "other"], gates=lambda _: ("inconclusive", ("gate: no",))).run()
    assert [(test.decision, promoted) for test, promoted in loop.closings if "good" in test.candidate] == [
        ("inconclusive", False)
    ]
    assert loop.decider.champions == ["start"]


@pytest.mark.parametrize("choose", [None, random.Random(1)])
def test_one_supported_after_its_champion_was_replaced_is_tested_again(choose: random.Random | None) -> None:
    loop = make(world({"a": 12.0, "b": 2.0}), choose=choose)  # so that the first ends before the second
    first, second = loop.register("start+a"), loop.register("start+b")
    loop.fill()
    while loop.decider.outstanding:
        loop.take_one()
        for need in loop.decider.needs():
            loop.decider.submitted(need)
            loop.running.append(need)
    assert [(t.number, t.decision, promoted) for t, promoted in loop.closings] == [
        (1, "supported", True),
        (2, "supported", False),
    ]
    assert loop.decider.retests == [second]
    assert loop.decider.champion == first.candidate
    assert "tested again on generation 1" in second.reasons[-1]
    assert "measure" not in second.seeds  # which only a promotion needs
    # The retest is a new hypothesis: the new champion, the next number, a level that the promotion raised, new seeds.
    loop.run()
    retest = loop.decider.tests[2]
    assert (retest.champion, retest.candidate, retest.generation) == ("start+a", "start+a+b", 1)
    assert retest.level == pytest.approx(0.05 * share_of(3) * 2)
    assert not set(retest.seeds["replicate"]) & set(second.seeds["replicate"])
    assert loop.decider.champions == ["start", "start+a", "start+a+b"]


# Cancelling


def test_cancelling_drops_only_runs_that_nobody_else_waits_for() -> None:
    loop = make(world({"a": 8.0, "b": 8.0}))
    a, b = loop.register("start+a"), loop.register("start+b")
    loop.fill()
    before = list(loop.decider.outstanding)
    dropped = loop.decider.cancel(a, "cancelled by ada")
    assert [need.key.recipe for need in dropped] == ["start+a"]
    assert list(loop.decider.outstanding) == [need for need in before if need.key.recipe != "start+a"]
    assert (a.decision, a.reasons) == ("inconclusive", ("cancelled by ada",))
    assert loop.decider.vacancies == 2
    loop.running = [need for need in loop.running if need not in dropped]
    loop.run()
    assert [(test.number, promoted) for test, promoted in loop.closings] == [(b.number, True)]
    assert not any(need.number == a.number and need not in before for need in loop.submitted)
    assert loop.decider.next_number == 3  # a cancelled test has used its share of the error budget


def test_a_run_that_another_test_compares_with_is_not_dropped() -> None:
    loop = make(world({}))
    first, second = loop.register("start+a"), loop.register("start+a")
    loop.fill()
    before = list(loop.decider.outstanding)
    assert loop.decider.cancel(first, "cancelled by ada") == []
    assert list(loop.decider.outstanding) == before
    assert {need.key.recipe for need in before} == {"start", second.candidate}


# Seeds and caps


def reserved(decider: Decider, test: decide.Test, stage: Stage, cap: int) -> range:
    """All seeds that a stage may try at the largest cap that a lab may set."""
    first = decider.seed_of(test, stage, 0)
    assert decider.seed_of(test, stage, 7) == first + 7
    return range(first, first + tried(cap))


@pytest.mark.parametrize("seed", [0, 7])
def test_no_two_tests_share_seeds_that_they_should_not(seed: int) -> None:
    cap = 200
    for name in ("pairs", "confirm_pairs", "screen_pairs", "measure_pairs", "remeasure_pairs"):
        EvidenceSettings.model_validate({"pairs": cap, name: cap})
        with pytest.raises(ValueError, match=name):
            EvidenceSettings.model_validate({name: cap + 1})
    decider = Decider(EvidenceSettings(), 3, "start", seed, 1)
    owners: dict[int, tuple[Any, ...]] = {}
    for number in (*range(1, 1_001), *range(PLACEBO_NUMBERS, PLACEBO_NUMBERS + 10)):
        for generation in {0, number - 1}:
            test = decide.Test(number, 0.05, "start", "x", generation, True)
            owned = {
                ("shared", generation): {
                    *reserved(decider, test, "half", 1),
                    *reserved(decider, test, "replicate", cap),
                },
                ("measure", generation): reserved(decider, test, "measure", cap),
                ("confirm", number): reserved(decider, test, "confirm", cap),
                ("retune", number): reserved(decider, test, "retune", cap),
                ("remeasure", number): reserved(decider, test, "remeasure", cap),
            }
            for owner, seeds in owned.items():
                assert all(owners.setdefault(s, owner) == owner for s in seeds)
    # Another lab's seeds begin where these end; audits, calibration and `assay compare` have the last two tenths.
    assert min(owners) >= seed * 10**9
    assert max(owners) < seed * 10**9 + 8 * 10**8
    assert tried(cap) <= SEEDS_A_TEST // 2


def test_a_champion_that_diverges_as_often_as_allowed_stays_within_its_seeds() -> None:
    def bad(key: Key) -> str:
        return "diverged" if key.recipe == "start" and key.seed % 2 else ""

    effects = {f"c{i}": 0.9 for i in range(3)}
    loop = make(world(effects, bad), list(effects), pairs=200, confirm_pairs=200, fdr=1e-9).run()
    for need in loop.submitted:
        test = loop.decider.tests[need.number - 1]
        stages: tuple[Stage, ...] = (("half",), ("confirm", "remeasure"), ("measure",))[need.key.scale]
        assert any(need.key.seed in reserved(loop.decider, test, stage, 200) for stage in stages)
    assert max(len(test.seeds["replicate"]) for test in loop.decider.tests) > 30


def test_screening_cannot_ask_for_more_pairs_than_there_may_be() -> None:
    with pytest.raises(ValueError, match="'screen_pairs' should be at most 'pairs', but 9 is more than 8"):
        EvidenceSettings(pairs=8, screen_pairs=9)


def test_a_place_is_kept_for_the_retest_of_a_test_whose_champion_has_gone() -> None:
    decider = Decider(EvidenceSettings(), 3, "start", 0, in_flight=3)
    decider.register("a", may_stop_half=True)
    assert decider.vacancies == 2
    decider.champions.append("new")  # as a promotion does
    assert decider.vacancies == 1
    decider.register("b", may_stop_half=True)
    assert decider.vacancies == 0


# Fair baselines

TUNED = (Variant("start+half", "optimiser.lr ×0.5"), Variant("start+twice", "optimiser.lr ×2"))


def retuning(
    effects: dict[str, float], bad: Callable[[Key], str] = lambda _: "", salt: int = 1, **evidence: Any
) -> Loop:
    loop = make(world(effects, bad, salt), ["deep"], **evidence)
    loop.decider.variants = lambda test: TUNED if "deep" in test.candidate else ()
    return loop.run()


def test_a_structural_change_must_beat_the_champion_tuned_as_well() -> None:
    """The size of its gain is that of another learning rate: the field's most common false win."""
    loop = retuning({"deep": 6.0, "twice": 6.0})
    test, promoted = only(loop)
    assert (test.decision, promoted, test.stage) == ("inconclusive", False, "retune")
    assert "an untuned baseline: the champion with optimiser.lr ×2 does as well" in test.reasons[0]
    assert loop.decider.baselines == [test]
    seeds = loop.decider.seed_of(test, "retune", 0)
    assert set(test.seeds["retune"]) == set(range(seeds, seeds + len(test.seeds["retune"])))
    # What the champion tried: the same seeds for all, at the smallest scale, once each.
    tried = [need.key for need in loop.submitted if need.key.recipe in ("start+half", "start+twice")]
    first = [key for key in tried if key.scale == 0]
    assert len(first) == len(set(first)) == len(TUNED) * RETUNE_SEEDS
    assert {key.seed for key in first} <= set(test.seeds["replicate"])


def test_what_is_no_better_than_tuning_passes_at_most_at_the_stated_level() -> None:
    passed = sum(only(retuning({"deep": 6.0, "twice": 6.0}, salt=salt)).promoted for salt in range(60))
    assert passed <= 8  # of 60 at 5%, more in one case of 300


def test_one_that_beats_the_tuned_champion_is_promoted() -> None:
    test, promoted = only(retuning({"deep": 8.0, "twice": 3.0}))
    assert promoted
    assert test.retuned == TUNED[1]
    assert {"tune", "retune", "remeasure", "measure"} <= set(test.seeds)


def test_without_a_better_rate_the_champion_counts_as_tuned() -> None:
    test, promoted = only(retuning({"deep": 8.0, "twice": -8.0, "half": -8.0}))
    assert promoted
    assert test.retuned is None
    assert "retune" not in test.seeds


@pytest.mark.parametrize("status", ["diverged", "failed"])
def test_a_rate_at_which_training_breaks_is_no_baseline(status: str) -> None:
    test, promoted = only(retuning({"deep": 8.0, "half": -8.0}, status_at(status, "start+twice", 0, {0, 1})))
    assert promoted
    assert test.retuned is None


def test_other_changes_need_no_retuning_and_it_can_be_turned_off() -> None:
    loop = make(world(GOOD), ["good"])
    loop.decider.variants = lambda _: ()
    assert only(loop.run()).promoted
    assert only(retuning({"deep": 8.0, "twice": 8.0}, retune_trials=0)).promoted


@pytest.mark.parametrize("setting", ["remeasure_pairs", "measure_pairs"])
def test_stages_are_left_out_at_zero(setting: str) -> None:
    test, promoted = only(make(world(GOOD), ["good"], **{setting: 0}).run())
    assert promoted
    assert set(STAGES) - set(test.seeds) == {setting.removesuffix("_pairs")}


# Placebos


def with_placebos(loop: Loop) -> Loop:
    """Drives the loop as the controller does: a placebo before the proposal that it was drawn for."""
    fill = loop.fill

    def slip_in() -> None:
        while True:
            for need in loop.decider.needs():
                loop.decider.submitted(need)
                loop.submitted.append(need)
                loop.running.append(need)
            if loop.decider.placebo_due:
                loop.decider.register_placebo(f"{loop.decider.champion}+placebo{loop.decider.next_placebo}")
            elif loop.proposals and loop.decider.vacancies and not loop.decider.retests:
                loop.register(f"{loop.decider.champion}+{loop.proposals.pop(0)}")
            else:
                break
        fill()

    loop.fill = slip_in  # type: ignore[method-assign]
    return loop.run()


def test_placebos_leave_numbers_and_levels_of_all_other_tests_alone() -> None:
    changes = [f"c{i}" for i in range(40)]
    without = make(world({}), list(changes), in_flight=1, placebo_rate=0.0).run().decider
    watched = with_placebos(make(world({}), list(changes), in_flight=1, placebo_rate=0.4)).decider
    real = [test for test in watched.tests if not test.placebo]
    placebos = [test for test in watched.tests if test.placebo]
    assert 5 < len(placebos) < 30
    assert [(t.number, t.level, t.candidate) for t in real] == [(t.number, t.level, t.candidate) for t in without.tests]
    assert [t.number for t in placebos] == list(range(PLACEBO_NUMBERS + 1, PLACEBO_NUMBERS + 1 + len(placebos)))
    # Each has the level of the real test after it, and none comes before the fifth.
    after = [watched.tests[watched.tests.index(t) + 1 :] for t in placebos]
    following = [next((t for t in rest if not t.placebo), None) for rest in after]
    assert all(t.level == real.level for t, real in zip(placebos, following, strict=True) if real is not None)
    assert min(real.number for real in following if real is not None) >= FIRST_PLACEBO


def test_placebos_come_at_the_rate_asked_for() -> None:
    asked, found = 0.2, 0
    for seed in range(40):
        decider = Decider(EvidenceSettings(placebo_rate=asked), 3, "start", seed, in_flight=10**6)
        for number in range(1, 101):
            if decider.placebo_due:
                found += 1
                decider.register_placebo(f"p{number}")
                assert not decider.placebo_due  # one at a time
            decider.register(f"c{number}", may_stop_half=True)
    trials = 40 * (100 - FIRST_PLACEBO + 1)
    assert abs(found / trials - asked) < 4 * math.sqrt(asked * (1 - asked) / trials)


def test_a_placebo_that_passes_is_never_champion() -> None:
    loop = make(world({"placebo": 8.0}))
    loop.decider.register_placebo("start+placebo")
    loop.fill()
    while loop.decider.outstanding:
        loop.take_one()
        for need in loop.decider.needs():
            loop.decider.submitted(need)
            loop.running.append(need)
    test, promoted = only(loop)
    assert (test.decision, promoted) == ("supported", False)
    assert (loop.decider.champions, loop.decider.promotions, loop.decider.retests) == (["start"], 0, [])
    assert set(test.seeds) == {"half", "replicate", "confirm"}  # it pays for nothing that only a promotion needs
    assert loop.decider.next_number == 1


# Vault and audit


def asking() -> Loop:
    loop = make(world(GOOD))
    loop.decider.vault = True
    loop.register("start+good")
    loop.fill()
    while loop.decider.outstanding:
        loop.take_one()
        loop.fill()
    return loop


def test_with_a_vault_nothing_is_promoted_before_its_answer() -> None:
    loop = asking()
    assert loop.closings == []
    [test] = loop.decider.pending_vault
    assert loop.decider.champions == ["start"]
    [closing] = loop.decider.answer_vault(test.number, True, "vault: yes")
    assert closing.promoted
    assert loop.decider.pending_vault == []
    assert "vault: yes" in test.reasons
    with pytest.raises(ValueError, match="asked nothing"):
        loop.decider.answer_vault(test.number, True, "again")


def test_what_the_vault_does_not_confirm_is_inconclusive() -> None:
    loop = asking()
    [closing] = loop.decider.answer_vault(1, False, "vault: no")
    assert not closing.promoted
    assert (closing.test.decision, closing.test.reasons[0]) == ("inconclusive", "vault: no")
    assert loop.decider.champions == ["start"]
    assert loop.decider.vacancies == 3


def test_a_dropped_change_takes_its_credit_with_it() -> None:
    loop = make(world(GOOD), ["good"]).run()
    before = loop.decider.next_level()
    loop.register("start+good+late")
    loop.decider.replace_champion("start")
    assert (loop.decider.champion, loop.decider.generation, loop.decider.promotions) == ("start", 2, 0)
    assert loop.decider.next_level() == pytest.approx(level(0.05, 3, 0))
    assert before == pytest.approx(level(0.05, 2, 1))
    assert loop.decider.vacancies == 1  # of three: one for the stale test, one kept for its retest


# What a calibration recommends


def test_a_calibrations_design_only_ever_ends_tests_sooner() -> None:
    """Its caps hold beside those of lab.toml, whichever is less; promotions need the same evidence as ever."""
    effects = {"a": 6.0, "b": 0.0, "c": 1.2}
    free = make(world(effects), list(effects), in_flight=1).run()
    assert next(c for c in free.closings if c.test.candidate.endswith("a")).promoted
    bound = make(world(effects), list(effects), in_flight=1)
    bound.decider.stopping = Stopping(
        effect_percent=0.25, pairs=9, confirm_pairs=300, futile_at=0.5, power=0.8, null_pairs=2.0, flops=1e12
    )  # fmt: skip
    bound.run()
    assert all(len(test.seeds.get("replicate", ())) <= 9 for test in bound.decider.tests)
    assert bound.decider.cap("confirm") == bound.decider.settings.confirm_pairs
    promoted = next(c for c in bound.closings if c.test.candidate.endswith("a"))
    assert promoted.promoted
    assert promoted.test.level == next(c for c in free.closings if c.test.candidate.endswith("a")).test.level
