"""Calibration of a lab: planted noise is found, nothing is paid for twice, the campaign reckons with it."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from assay.campaign.calibrate import calibrate
from assay.campaign.lab import Lab
from assay.campaign.rounds import make_plan
from assay.campaign.status import status_of
from assay.execution.simulated import SimulatedExecutor
from assay.interfaces.cli.calibrate import pooled_sharing
from assay.spec.budget import Budget
from assay.spec.calibration import Calibration
from assay.spec.errors import UserError
from assay.spec.recipe import Recipe, changed
from assay.spec.run import Outcome, RunOrder
from assay.spec.scale import Scale, shape_at
from tests.campaign.conftest import MakeLab
from tests.campaign.helpers import assay, kill, of_kind, results, simulate, start
from tests.waiting import wait_for

INIT, DATA, OWN = 0.02, 0.008, 0.004


class Counting(SimulatedExecutor):
    """Runs with planted noise, and a count of those that were asked for."""

    def __init__(self, outcome: Any = None) -> None:
        super().__init__(outcome or noisy, workers=2)
        self.asked: list[str] = []

    def submit(self, order: RunOrder, folder: Path) -> None:
        self.asked.append(order.run_hash)
        super().submit(order, folder)


def noisy(order: RunOrder) -> Outcome:
    """Initialisation and data order act on all recipes alike; what both do together is the recipe's own."""
    run = order.run
    init = random.Random(f"i{run.seed.init}").gauss(0, INIT)
    data = random.Random(f"d{run.seed.data}").gauss(0, DATA)
    own = random.Random(f"{run.recipe.hash} {run.seed.init} {run.seed.data} {run.scale.flops}").gauss(0, OWN)
    level = 3.0 if run.recipe.model.mlp == "gelu" else 2.9
    return Outcome(
        status="finished", score=level * (1 + init + data + own), domains={"prose": 3.0, "verse": 3.0},
        flops=run.scale.flops, seconds=1.0,
    )  # fmt: skip


def measure(lab: Lab, budget: str | None = None, executor: SimulatedExecutor | None = None) -> Calibration:
    asked = Budget.read(budget) if budget else None
    return calibrate(lab, asked, 0, executor or Counting(), lambda _tick, _executor: None)


def deviation(found: Calibration, source: str, scale: str = "one") -> Any:
    return next(c.deviation for c in found.components if (c.source, c.scale) == (source, scale))


def test_planted_noise_is_found(lab: MakeLab) -> None:
    found = measure(lab(), "430runs")
    assert found.rounds > 20
    for source, truth in (("initialisation", INIT), ("data order", DATA), ("interaction", OWN)):
        part = deviation(found, source)
        assert part.low <= 100 * truth <= part.high
        assert part.value == pytest.approx(100 * truth, rel=0.35)
    assert deviation(found, "repeat").value == 0
    # Both seeds cancel: the arms' own noise is left, of both arms. Less shared, more is left.
    both, data, init, nothing = (value for _, value, _ in pooled_sharing(found))
    assert both == pytest.approx(100 * OWN * 2**0.5, rel=0.1)
    assert init == pytest.approx(100 * (2 * DATA**2 + 2 * OWN**2) ** 0.5, rel=0.2)
    assert data == pytest.approx(100 * (2 * INIT**2 + 2 * OWN**2) ** 0.5, rel=0.2)
    assert nothing == pytest.approx(100 * (2 * INIT**2 + 2 * DATA**2 + 2 * OWN**2) ** 0.5, rel=0.2)
    activation = next(p for p in found.paired if "model.mlp" in p.change)
    assert activation.effect is not None
    assert activation.effect.low is not None
    assert activation.effect.high is not None
    assert activation.effect.low < 100 * 0.1 / 3 < activation.effect.high
    assert activation.kind == "architecture"
    assert activation.correlation is not None
    assert activation.correlation.value > 0.9
    averaging = next(r for r in found.remedies if r.name == "averaged weights")
    assert averaging.ratio.low is not None
    assert averaging.ratio.high is not None
    assert averaging.ratio.low < 1 < averaging.ratio.high


def test_nothing_is_paid_for_twice_and_more_budget_adds_rounds(lab: MakeLab) -> None:
    made, first = lab(), Counting()
    found = measure(made, "70runs", first)
    assert 3 <= found.rounds < 8
    assert len(first.asked) == len(set(first.asked)) == len(found.runs) <= 70
    more = Counting()
    larger = measure(made, None, more)
    assert larger.rounds == 8
    assert not set(more.asked) & set(first.asked)
    assert set(larger.runs) >= set(found.runs)
    none = Counting()
    assert measure(made, None, none) == larger
    assert none.asked == []
    assert [entry["calibration"]["rounds"] for entry in of_kind(made, "calibration")][-1] == 8
    assert len(of_kind(made, "calibration")) >= 2


def test_it_is_the_same_wherever_it_was_interrupted(lab: MakeLab) -> None:
    whole = measure(lab())
    made = lab()

    class Interrupted(Counting):
        def poll(self, timeout: float) -> list[tuple[str, Outcome]]:
            if len(self.asked) > 40:
                raise KeyboardInterrupt
            return super().poll(timeout)

    with pytest.raises(KeyboardInterrupt):
        measure(made, None, Interrupted())
    statuses = {row["status"] for row in made.store.run_rows()}
    assert "paused" in statuses
    assert "running" not in statuses
    assert of_kind(made, "calibration") == []
    assert measure(made) == whole


def test_seeds_are_the_calibrations_own(lab: MakeLab) -> None:
    made = lab(seed=3)
    measure(made, "60runs")
    seeds = {row[key] for row in made.store.run_rows() for key in ("seed_init", "seed_data")}
    assert min(seeds) == 3_800_000_000
    assert max(seeds) < 3_850_000_000


def test_the_campaign_reckons_with_it(lab: MakeLab) -> None:
    made = lab()
    assert made.campaign().noise_percent() is None
    found = measure(made)
    campaign = made.campaign()
    assert campaign.calibration == found
    squares = sum(p.degrees * p.deviation.value**2 for p in found.paired)
    assert campaign.noise_percent() == pytest.approx((squares / sum(p.degrees for p in found.paired)) ** 0.5)
    simulate(made, "6runs")
    noise = made.campaign().decider.noise()
    assert noise is not None
    assert noise.sd == pytest.approx(100 * OWN * 2**0.5 / 100, rel=0.5)
    assert noise.degrees < sum(p.degrees for p in found.paired)  # kinds differ, and arms share the champion
    assert made.store.verify_ledger().bad_seq is None
    made.campaign(check=True)
    assert status_of(made.folder)["noise"]["stale"] == ""


def test_another_trainers_noise_is_not_reckoned_with(lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    made = lab()
    found = measure(made)
    monkeypatch.setattr("assay.campaign.lab.trainer_identity", lambda *_: "another trainer")
    simulate(made, "6runs")
    campaign = made.campaign()
    assert campaign.decider.calibrated == []
    assert found.stale(campaign.decider.champion, campaign.trainer).startswith("The noise was calibrated with another")
    other = changed(Recipe(), {"optimiser.lr": 0.5}).hash
    assert "no longer the champion" in found.stale(other, found.trainer)
    assert found.stale(found.recipe, found.trainer) == ""


@pytest.mark.parametrize("budget", ["5runs", "1e9flop"])
def test_a_budget_for_too_few_rounds_is_refused_before_anything_is_spent(lab: MakeLab, budget: str) -> None:
    made = lab()
    with pytest.raises(UserError, match=r"of the 3 rounds .* give at least \d+runs or"):
        measure(made, budget)
    assert made.store.run_rows() == []


def test_diverged_and_failed_changes_are_left_out_and_a_failing_champion_is_named(lab: MakeLab) -> None:
    def odd(order: RunOrder) -> Outcome:
        if order.run.recipe.model.mlp != "gelu":
            return Outcome(status="diverged")
        if order.run.recipe.model.norm != "layernorm":
            return Outcome(status="failed", message="no room")
        return noisy(order)

    found = measure(lab(), "70runs", Counting(odd))
    keys = {key for pair in found.paired for key in pair.change}
    assert "optimiser.lr" in keys
    assert not keys & {"model.mlp", "model.norm"}
    with pytest.raises(UserError, match="failed: no room"):
        measure(lab(), "70runs", Counting(lambda _order: Outcome(status="failed", message="no room")))
    with pytest.raises(UserError, match="the champion diverges"):
        measure(lab(), "70runs", Counting(lambda _order: Outcome(status="diverged")))


@pytest.mark.slow
def test_real_runs_killed_on_the_way_and_gone_on_with(lab: MakeLab, tmp_path: Path) -> None:
    """The same command after SIGKILL gives what an uninterrupted one gives, and pays for no finished run again."""
    whole, made = lab(), lab()
    picture = tmp_path / "noise.svg"
    told = assay("calibrate", whole.folder, "--budget", "60runs", "--json", "--svg", picture)
    assert told.returncode == 0, told.stderr
    first = Calibration.parse(json.loads(told.stdout), "told")
    assert picture.read_text().startswith("<svg")
    process = start("calibrate", made.folder, "--budget", "60runs")
    finished = lambda: [row for row in made.store.run_rows() if row["status"] == "finished"]  # noqa: E731
    wait_for(lambda: len(finished()) > 8, "some runs to finish")
    kill(process)
    before = {row["hash"]: row["score"] for row in finished()}
    told = assay("calibrate", made.folder, "--budget", "60runs", "--json")
    assert told.returncode == 0, told.stderr
    again = Calibration.parse(json.loads(told.stdout), "told")
    assert again.rounds >= first.rounds
    after = {row["hash"]: row["score"] for row in finished()}
    assert before.items() <= after.items()
    same = {row["hash"]: row["score"] for row in whole.store.run_rows() if row["hash"] in after}
    assert {digest: after[digest] for digest in same} == same  # bit for bit
    assert results(made) == 0
    shown = assay("calibrate", whole.folder, "--budget", "60runs")
    assert "none seen in 2 repeats" in shown.stdout
    assert assay("report", whole.folder).returncode == 0
    assert 'id="noise"' in (whole.folder / "report.html").read_text()
    assert "calibrated at 'one'" in assay("status", whole.folder).stdout
    assert assay("ledger", "verify", whole.folder).returncode == 0


def test_half_a_budget_that_is_less_than_a_step_is_left_out() -> None:
    step = shape_at(Recipe(), Scale(name="large", width=32, depth=1, flops=1e12), 257).flops_per_step
    tiny = Scale(name="one", width=32, depth=1, flops=1.1 * step)
    plan = make_plan(Recipe(), [tiny], 0, ["prose"], 257, 0, "corpus", "trainer")
    assert plan.half is None
    assert {run.scale.name for _, run in plan.round(0)} == {"one", "one ×2"}
