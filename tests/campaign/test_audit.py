"""Audits on a simulated clock: a planted useless change is dropped, useful ones stay, whatever is killed on the way."""

import itertools
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from assay.campaign.audit import AUDIT_BASE, Stack
from assay.campaign.audit_facts import audit_facts
from assay.campaign.auditor import Auditor
from assay.campaign.facts import facts as lab_facts
from assay.campaign.history import Campaign, Mismatch
from assay.campaign.lab import Lab
from assay.campaign.lock import controlling
from assay.execution.simulated import SimulatedExecutor
from assay.interfaces.report.page import render
from assay.spec.budget import Budget
from assay.spec.errors import UserError
from assay.spec.recipe import flatten
from assay.spec.run import Outcome, RunOrder
from assay.store.ledger import GENESIS, _digest
from assay.store.schema import ledger, ledger_head
from tests.campaign.conftest import MakeLab
from tests.campaign.helpers import NOISE, of_kind, proposal, simulate, world

Effects = dict[tuple[str, Any], float]
MUON, LINEAR, FINAL = ("optimiser.name", "muon"), ("schedule.name", "linear"), ("schedule.final", 0.0)
#: Per cent of the score.
USEFUL: Effects = {MUON: 3.0, LINEAR: 1.5, FINAL: 1.2}
EVIDENCE = {
    "pairs": 10, "confirm_pairs": 20, "measure_pairs": 0, "retune_trials": 0, "placebo_rate": 0.0, "min_effect": 0.5,
}  # fmt: skip


def promoted(lab: Lab, *changes: tuple[str, Any]) -> Lab:
    """A lab that promoted these changes one after another, in a world where each helped."""
    for key, value in changes:
        lab.store.post("propose", proposal({key: value}))
        simulate(lab, "400runs", world(USEFUL))
    recipes = [lab.campaign().recipes[g.recipe] for g in lab.campaign().generations]
    assert len(recipes) == len(changes) + 1, [v.reasons for v in lab.campaign().verdicts.values()]
    return lab


TEMPLATES: dict[tuple[tuple[str, Any], ...], Path] = {}


@pytest.fixture
def stack(
    lab: MakeLab, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Lab]:
    """Makes labs with promoted changes."""
    monkeypatch.setattr("assay.campaign.controller.Controller._ask_researchers", lambda _self: False)

    def make(*changes: tuple[str, Any]) -> Lab:
        made = lab(evidence=EVIDENCE, execution={"in_flight": 1})
        if changes in TEMPLATES:  # the same lab, made before
            made.close()
            shutil.rmtree(made.folder)
            shutil.copytree(TEMPLATES[changes], made.folder)
            return Lab(made.folder)
        promoted(made, *changes)
        made.close()
        TEMPLATES[changes] = tmp_path_factory.mktemp("template") / "lab"
        shutil.copytree(made.folder, TEMPLATES[changes])
        return Lab(made.folder)

    return make


def audit(
    lab: Lab, effects: Effects, budget: str | None = None, noise: float = NOISE,
    outcome: Callable[[RunOrder], Outcome] | None = None,
) -> Campaign:  # fmt: skip
    asked = Budget.read(budget) if budget else None
    runs = outcome or world(effects, noise)
    return Auditor(lab, asked, 1, lambda _p: None, lambda: SimulatedExecutor(runs, workers=2)).run()


def answers(lab: Lab) -> dict[int, str]:
    return {row["generation"]: row["answer"] for row in audit_facts(lab.campaign())["changes"]}


def said(lab: Lab) -> list[dict[str, Any]]:
    """All that audits concluded, and the generations that came of it."""
    return [body for body in of_kind(lab, "audit") if body["step"] == "verdict"] + of_kind(lab, "promotion")


# What it concludes


def test_useful_changes_hold(stack: Callable[..., Lab]) -> None:
    lab = stack(MUON, LINEAR)
    champion = lab.campaign().generations[-1].recipe
    campaign = audit(lab, USEFUL)
    assert answers(lab) == {1: "holds", 2: "holds"}
    facts = audit_facts(campaign)
    assert facts["complete"]
    assert facts["current"]
    assert campaign.generations[-1].recipe == champion
    for row, effect in zip(facts["changes"], (3.0, 1.5), strict=True):
        assert row["effect_percent"] == pytest.approx(effect, abs=0.5)
        assert row["low_percent"] < effect < row["high_percent"]
    drift = facts["drift"]
    assert drift["effect_percent"] == pytest.approx(4.5, abs=0.5)
    assert drift["claimed"]["raw"] == pytest.approx(100 * (1 - 0.97 * 0.985), abs=1.0)
    assert drift["claimed"]["shrunken"] is not None
    lab.campaign(check=True)


def test_a_planted_useless_change_is_dropped_and_the_others_stay(stack: Callable[..., Lab]) -> None:
    lab = stack(MUON, FINAL, LINEAR)
    now = USEFUL | {FINAL: -0.3}  # it was promoted where it helped, and no longer does
    campaign = audit(lab, now)
    last = campaign.generations[-1]
    assert last.number == 4
    assert last.audit is not None
    assert last.audit.dropped == 2
    champion = campaign.recipes[last.recipe]
    assert (champion.optimiser.name, champion.schedule.name) == ("muon", "linear")
    assert champion.schedule.final == lab.config.start.schedule.final
    facts = audit_facts(campaign)
    assert facts["dropped"] == [2]
    assert {row["generation"]: row["answer"] for row in facts["changes"]} == {
        1: "holds", 2: "does not hold", 3: "holds",
    }  # fmt: skip
    assert [r["round"] for r in facts["rounds"]] == [1, 2]
    assert facts["rounds"][1]["threshold"] > facts["rounds"][0]["threshold"] * 2
    checked = lab.campaign(check=True)
    assert checked.generations == campaign.generations
    assert checked.decider.champion == last.recipe


def test_the_campaign_goes_on_from_what_the_audit_left(stack: Callable[..., Lab]) -> None:
    lab = stack(MUON, FINAL)
    now = {MUON: 3.0, LINEAR: 1.5}
    audit(lab, now)
    assert lab.campaign().generations[-1].audit is not None
    lab.store.post("propose", proposal({LINEAR[0]: LINEAR[1]}))
    simulate(lab, "200runs", world(now))
    campaign = lab.campaign(check=True)
    assert [bool(g.certificate) for g in campaign.generations] == [False, True, True, False, True]
    champion = campaign.recipes[campaign.generations[-1].recipe]
    assert (champion.optimiser.name, champion.schedule.name) == ("muon", "linear")
    assert champion.schedule.final == lab.config.start.schedule.final
    audit(lab, now)
    assert answers(lab) == {1: "holds", 4: "holds"}
    render(lab_facts(lab))


def test_nothing_was_promoted(lab: MakeLab) -> None:
    made = lab()
    campaign = audit(made, USEFUL)
    assert audit_facts(campaign)["note"] == "nothing has been promoted, so there is nothing to audit"
    assert of_kind(made, "audit") == []


def test_too_much_noise_leaves_it_undecided_and_in_place(stack: Callable[..., Lab]) -> None:
    lab = stack(MUON)
    campaign = audit(lab, {MUON: 0.2}, noise=0.01)
    assert answers(lab) == {1: "undecided"}
    assert len(campaign.generations) == 2


def test_without_it_training_diverges(stack: Callable[..., Lab]) -> None:
    lab = stack(MUON)

    def outcome(order: RunOrder) -> Outcome:
        muon = order.run.recipe.optimiser.name == "muon"
        return world(USEFUL)(order) if muon else Outcome(status="diverged", flops=1e8, seconds=1.0)

    audit(lab, USEFUL, outcome=outcome)
    assert answers(lab) == {1: "holds"}
    lab.campaign(check=True)


def test_the_champion_itself_diverges(stack: Callable[..., Lab]) -> None:
    lab = stack(MUON)
    audit(lab, USEFUL, outcome=lambda _order: Outcome(status="diverged", flops=1e8, seconds=1.0))
    [row] = audit_facts(lab.campaign(check=True))["changes"]
    assert row["answer"] == "undecided"
    assert "diverged" in row["reasons"][0]


# What can be taken back


def test_a_change_that_was_overwritten_is_superseded(stack: Callable[..., Lab], monkeypatch: Any) -> None:
    del monkeypatch
    lab = stack(MUON)
    campaign = lab.campaign()
    generation = campaign.generations[1]
    for number, value in ((2, 0.9), (3, 0.5)):
        recipe = campaign.recipes[campaign.generations[-1].recipe]
        recipe = recipe.model_copy(update={"optimiser": recipe.optimiser.model_copy(update={"beta1": value})})
        campaign.recipes[recipe.hash] = recipe
        if number == 3:
            campaign.generations.append(generation.model_copy(update={"number": 2, "recipe": recipe.hash}))
    found = Stack(campaign)
    assert found.without(1).optimiser.name == "adamw"
    assert found.change(2) == {"optimiser.beta1": 0.5}
    later = campaign.recipes[campaign.generations[-1].recipe]
    later = later.model_copy(update={"optimiser": later.optimiser.model_copy(update={"beta1": 0.7})})
    campaign.recipes[later.hash] = later
    campaign.generations.append(generation.model_copy(update={"number": 3, "recipe": later.hash}))
    found = Stack(campaign)
    assert found.without(2) == later  # overwritten: nothing to take back
    assert found.without(3).optimiser.beta1 == 0.5  # what it was before that


# Budgets, interruptions


def test_a_budget_ends_it_and_the_next_call_goes_on(stack: Callable[..., Lab]) -> None:
    whole, parts = stack(MUON, FINAL), stack(MUON, FINAL)
    now = {MUON: 3.0}
    audit(whole, now)
    for _ in range(40):
        audited = parts.campaign().audits
        if audited and audited[-1].concluded and not audited[-1].closed:
            break
        before = len(parts.store.run_rows())
        audit(parts, now, "11runs")
        assert len(parts.store.run_rows()) <= before + 11
    a, b = audit_facts(whole.campaign(check=True)), audit_facts(parts.campaign(check=True))
    for row in (*a["changes"], *b["changes"]):
        row.pop("runs")
    assert [g.recipe for g in whole.campaign().generations] == [g.recipe for g in parts.campaign().generations]
    assert a["dropped"] == b["dropped"] == [2]


def test_interrupted_anywhere_the_same_comes_out(stack: Callable[..., Lab]) -> None:
    whole = stack(MUON, FINAL)
    now = {MUON: 3.0}
    audit(whole, now)
    count = len({body["run"] for body in of_kind(whole, "audit") if body["step"] == "result"})
    for stop in (1, 9):
        broken = stack(MUON, FINAL)
        calls = itertools.count()

        def tick(_p: object, calls: Any = calls, stop: int = stop) -> None:
            if next(calls) == stop:
                raise KeyboardInterrupt

        def executor() -> SimulatedExecutor:
            return SimulatedExecutor(world(now), workers=2)

        with pytest.raises(KeyboardInterrupt):
            Auditor(broken, None, 1, tick, executor).run()
        audit(broken, now)
        assert json.dumps(said(broken)) == json.dumps(said(whole))
        results = [body["run"] for body in of_kind(broken, "audit") if body["step"] == "result"]
        assert len(results) == len(set(results)) == count


def test_asked_again_it_trains_nothing(stack: Callable[..., Lab]) -> None:
    lab = stack(MUON)
    audit(lab, USEFUL)
    before = len(lab.store.ledger())
    audit(lab, {MUON: -5.0})
    assert len(lab.store.ledger()) == before


def test_one_controller_at_a_time(stack: Callable[..., Lab]) -> None:
    lab = stack(MUON)
    with controlling(lab.folder, "assay run"), pytest.raises(UserError, match="is controlled by `assay run`"):
        audit(lab, USEFUL)


def test_fresh_seeds_of_its_own(stack: Callable[..., Lab]) -> None:
    lab = stack(MUON, FINAL)
    used = {row["seed_init"] for row in lab.store.run_rows()}
    audit(lab, {MUON: 3.0})
    rounds = [body["plan"] for body in of_kind(lab, "audit") if body["step"] == "begin"]
    fresh = {row["seed_init"] for row in lab.store.run_rows()} - used
    assert len(rounds) == 2
    assert min(fresh) >= lab.config.seed * 10**9 + AUDIT_BASE
    results = [body for body in of_kind(lab, "audit") if body["step"] == "result"]
    assert len({body["seed"] // 1000 for body in results}) == 2


# The ledger


def rewrite(lab: Lab, forge: Callable[[str, dict[str, Any]], bool]) -> None:
    """Change what `forge` changes, and every hash after it, as one who knows how would."""
    with lab.store.transaction() as connection:
        previous = GENESIS
        for row in connection.execute(select(ledger).order_by(ledger.c.seq)).all():
            body = json.loads(row.body)
            forge(row.kind, body)
            text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            digest = _digest(row.seq, row.time, row.kind, text, previous)
            connection.execute(
                update(ledger).where(ledger.c.seq == row.seq).values(body=text, hash=digest, previous=previous)
            )
            previous = digest
        connection.execute(update(ledger_head).values(hash=previous))


def first(step: str, change: Callable[[dict[str, Any]], Any]) -> Callable[[str, dict[str, Any]], bool]:
    done: list[bool] = []

    def forge(kind: str, body: dict[str, Any]) -> bool:
        if kind == "audit" and body["step"] == step and not done:
            done.append(True)
            change(body)
        return bool(done)

    return forge


FORGERIES: dict[str, Callable[[str, dict[str, Any]], bool] | Any] = {
    "answer": lambda: first("verdict", lambda b: b["verdict"]["answers"][0].update(answer="does not hold")),
    "drop": lambda: first("verdict", lambda b: b["verdict"].update(dropped=1)),
    "no drop": lambda: first("verdict", lambda b: b["verdict"].update(dropped=None)),
    "score": lambda: first("result", lambda b: b["outcome"].update(score=1.0)),
    "run": lambda: first("result", lambda b: b.update(run="0" * 16)),
    "seed": lambda: first("result", lambda b: b.update(seed=b["seed"] + 1)),
    "threshold": lambda: first("begin", lambda b: b["plan"].update(threshold=2.0)),
    "cap": lambda: first("begin", lambda b: b["plan"].update(cap=200)),
    "question": lambda: first("begin", lambda b: b["plan"]["questions"].pop()),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_audit_is_detected(stack: Callable[..., Lab], name: str) -> None:
    lab = stack(MUON, FINAL)
    audit(lab, {MUON: 3.0})
    assert lab.campaign(check=True).generations[-1].audit is not None
    rewrite(lab, FORGERIES[name]())
    assert lab.store.verify_ledger().bad_seq is None
    with pytest.raises(Mismatch):
        lab.campaign(check=True)


# Error control


@pytest.mark.slow
def test_wrong_answers_are_rare(stack: Callable[..., Lab]) -> None:
    """Over many audits of two changes, one worth twice the least effect and one worth nothing, few answers are wrong;
    at a careless threshold they would not be."""
    from assay.campaign.audit import Round, plan_round
    from assay.campaign.decide import Key

    lab = stack(MUON, FINAL)
    campaign = lab.campaign()
    plan = plan_round(campaign, 1, 1, 1, "trainer")

    def wrong(threshold: float, times: int) -> int:
        found = 0
        for repeat in range(times):
            rng = random.Random(repeat)
            current = Round(plan.model_copy(update={"threshold": threshold}), 1, 0.5, 0)
            while current.needs():
                for key in current.needs():
                    fields = flatten(campaign.recipes[key.recipe].model_dump(mode="json"))
                    gain = 0.51 * (fields[MUON[0]] == MUON[1])
                    score = 2.0 * (1 - gain / 100 + 0.004 * rng.gauss(0, 1))
                    current.take(Key(*key), str(key), Outcome(status="finished", score=score))
            said = {a.generation: a.answer for a in current.verdict().answers}
            found += said[1] == "does not hold" or said[2] == "holds"
        return found

    assert wrong(plan.threshold, 400) <= 0.05 * 400
    assert wrong(2.0, 200) > 0.05 * 200


def test_a_picture(stack: Callable[..., Lab], tmp_path: Path) -> None:
    from xml.etree import ElementTree

    from assay.interfaces.report.audit import write_picture

    lab = stack(MUON, FINAL)
    write_picture(audit_facts(audit(lab, {MUON: 3.0})), tmp_path / "audit.svg")
    root = ElementTree.parse(tmp_path / "audit.svg").getroot()
    text = " ".join(root.itertext())
    assert "gen 1" in text
    assert "gen 2" in text
    page = render(lab_facts(lab))
    assert "What the champion loses without each change" in page
