"""Equal tokens and equal time on certificates, against a world whose loss-compute curve is known."""

import pytest

from assay.campaign.facts import facts as lab_facts
from assay.evidence.multiplier import CurvePoint, loss_at
from assay.interfaces.report.page import render
from assay.spec.run import Outcome, RunOrder
from tests.campaign.conftest import MakeLab
from tests.campaign.helpers import own_random, proposal, simulate


def test_a_power_law_is_read_off_exactly() -> None:
    points = [CurvePoint(str(c), c, (3.0 * c**-0.1,), (0,)) for c in (1e8, 4e8, 1.6e9)]
    for flops in (1e8, 2.5e8, 1.1e9, 1.6e9):
        assert loss_at(points, flops) == pytest.approx(3.0 * flops**-0.1, rel=1e-9)
    assert loss_at(points, 0.9e8) is None
    assert loss_at(points, 2e9) is None
    assert loss_at([], 1e8) is None


def world(order: RunOrder) -> Outcome:
    """Loss a power of compute; a linear schedule saves 4%, and its steps take 1.5 times as long."""
    run = order.run
    better = run.recipe.schedule.name == "linear"
    noise = 0.001 * own_random(run).gauss(0, 1)
    score = 3.0 * (run.scale.flops / 1e8) ** -0.1 * (0.96 if better else 1.0) * (1 + noise)
    if order.stop_at_step is not None:
        return Outcome(status="paused", flops=run.scale.flops / 2, seconds=1.0, half_loss=score)
    return Outcome(
        status="finished", score=score, domains={"prose": score, "verse": score}, flops=run.scale.flops, seconds=2.0,
        step_ms=1.5 if better else 1.0, half_loss=score,
    )  # fmt: skip


def test_a_slower_step_costs_at_equal_time(lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.campaign.controller.Controller._ask_researchers", lambda _self: False)
    made = lab(
        evidence={"pairs": 10, "confirm_pairs": 20, "measure_pairs": 2, "retune_trials": 0, "placebo_rate": 0.0},
        execution={"in_flight": 1},
    )
    made.store.post("propose", proposal({"schedule.name": "linear"}))
    simulate(made, "200runs", world)
    certificate = made.campaign(check=True).generations[1].certificate
    assert certificate is not None
    flops, tokens, time = certificate.matched
    assert [m.match for m in certificate.matched] == ["flops", "tokens", "time"]
    assert not flops.estimated
    assert flops.percent == certificate.effect_percent == pytest.approx(4.0, abs=0.3)
    assert tokens.estimated
    assert (tokens.ratio, tokens.percent) == (1.0, pytest.approx(flops.percent))
    assert time.ratio == pytest.approx(1.5)
    assert time.ratio is not None
    assert time.percent == pytest.approx(4.0 + 100 * (time.ratio**-0.1 - 1), abs=0.35)
    page = render(lab_facts(made))
    assert "where both have the same of something" in page
    assert "estimated" in page
