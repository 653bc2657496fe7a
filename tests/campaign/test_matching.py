"""Equal compute, equal tokens, equal time, on simulated runs whose score depends on the tokens read alone."""

from pathlib import Path

import pytest

from assay.campaign.comparison import compare
from assay.campaign.lab import Lab
from assay.campaign.matching import MATCHES, Match, matching
from assay.execution.simulated import SimulatedExecutor
from assay.spec.recipe import changed
from assay.spec.run import Outcome, RunOrder
from assay.spec.scale import shape_at
from tests.campaign.conftest import MakeLab
from tests.campaign.helpers import NOISE, own_random

WIDE = {"model.mlp_ratio": 8.0}


def by_tokens(order: RunOrder) -> Outcome:
    """More tokens, lower loss, by whatever recipe; a wide MLP's steps take three times as long."""

    run = order.run
    shape = shape_at(run.recipe, run.scale, order.vocab)
    noise = NOISE * own_random(run).gauss(0, 1)
    score = 3.0 * (shape.tokens / 1e4) ** -0.1 * (1 + noise)
    ms = 3.0 if run.recipe.model.mlp_ratio == 8.0 else 1.0
    seconds = shape.steps * ms / 1e3
    return Outcome(status="finished", score=score, flops=shape.flops, seconds=seconds, step_ms=ms, half_loss=score)


def ask(lab: Lab, match: Match) -> dict:
    new = changed(lab.config.start, WIDE)
    return compare(lab, lab.config.start, new, 1, 12, SimulatedExecutor(by_tokens, workers=2), lambda *_: None, match)


def test_equal_compute_costs_the_dearer_recipe_tokens(lab: MakeLab) -> None:
    facts = ask(lab(), "flops")
    old, new = facts["arms"]["old"], facts["arms"]["new"]
    assert new["flops"] == pytest.approx(old["flops"], rel=0.05)
    assert new["tokens"] < 0.9 * old["tokens"]
    assert facts["answer"] == "worse"


def test_at_equal_tokens_what_learns_from_tokens_alone_is_no_worse(lab: MakeLab) -> None:
    facts = ask(lab(), "tokens")
    old, new = facts["arms"]["old"], facts["arms"]["new"]
    assert new["tokens"] == pytest.approx(old["tokens"], rel=0.01)
    assert new["flops"] > 1.1 * old["flops"]
    assert facts["answer"] != "worse"
    assert abs(facts["evidence"]["effect_percent"]) < 0.5


def test_at_equal_time_slow_steps_cost_tokens(lab: MakeLab) -> None:
    made = lab()
    facts = ask(made, "time")
    old, new = facts["arms"]["old"], facts["arms"]["new"]
    assert (old["step_ms"], new["step_ms"]) == (1.0, 3.0)
    assert new["seconds"] == pytest.approx(old["seconds"], rel=0.05)
    assert new["tokens"] == pytest.approx(old["tokens"] / 3, rel=0.05)
    assert facts["answer"] == "worse"


def test_the_same_again_trains_nothing_new(lab: MakeLab) -> None:
    made = lab()
    first = [ask(made, match) for match in MATCHES]
    rows = len(made.store.run_rows())
    again = [ask(made, match) for match in MATCHES]
    assert len(made.store.run_rows()) == rows
    for a, b in zip(first, again, strict=True):  # step times are known now that were not at first
        assert (a["evidence"], a["answer"]) == (b["evidence"], b["answer"])


def test_recipes_that_cost_the_same_are_not_trained_twice(lab: MakeLab) -> None:
    made = lab()
    new = changed(made.config.start, {"optimiser.beta2": 0.9})
    executor = SimulatedExecutor(by_tokens)
    vocab = made.corpus().vocab
    for match in MATCHES:
        found = matching(made, made.config.start, new, made.config.ladder[0], vocab, match, executor)
        assert found.scale == made.config.ladder[0]
        assert found.arms["old"] == found.arms["new"] | {"seconds": found.arms["old"]["seconds"]}


def test_time_does_not_move_when_more_is_measured(lab: MakeLab) -> None:
    """The scale of equal time is the one the comparison was begun with, so that it can be resumed."""
    made = lab()
    new, vocab = changed(made.config.start, WIDE), made.corpus().vocab
    facts = ask(made, "time")
    slow = by_tokens
    with made.store.transaction() as connection:
        for row in made.store.run_rows():
            if row["recipe"] == made.config.start.hash:
                outcome = Outcome(status="finished", score=row["score"], step_ms=9.0)
                made.store.put_outcome(connection, row["hash"], outcome)
    found = matching(made, made.config.start, new, made.config.ladder[1], vocab, "time", SimulatedExecutor(slow))
    assert found.arms["new"]["steps"] == facts["arms"]["new"]["steps"]


def test_the_ledger_stays_sound(lab: MakeLab, tmp_path: Path) -> None:
    del tmp_path
    made = lab()
    for match in MATCHES:
        ask(made, match)
    assert made.store.verify_ledger().bad_seq is None
    made.campaign(check=True)
