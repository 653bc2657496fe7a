"""Each gate at its border, and all of them together."""

from typing import Any

import pytest
from hypothesis import given, settings

from assay.governance.gates import apply_gates
from assay.governance.gates.downgrade import downgrade
from assay.governance.gates.limits import Limits as LimitsGate
from assay.governance.gates.transfer import Transfer
from assay.spec import registry
from assay.spec.lab import Limits
from assay.spec.verdict import Decision, Evidence, Pair, Verdict

from .strategies import facts as any_facts
from .strategies import verdicts


def verdict(decision: Decision = "supported", *evidence: Evidence) -> Verdict:
    return Verdict(
        number=1, decision=decision, e_value=50.0, threshold=33.0, evidence=evidence, reasons=("e is large",)
    )


def evidence(stage: Any, effect: float | None, pairs: int = 3) -> Evidence:
    each = tuple(Pair(seed=i, champion="a", candidate="b", difference=effect) for i in range(pairs))
    return Evidence(stage=stage, scale=f"{stage}-scale", pairs=each, effect=effect)


def facts(step_ms: float = 10.0, memory_mb: float = 100.0) -> dict[str, Any]:
    return {"limits": Limits(step_ms=20.0, memory_mb=200.0), "step_ms": step_ms, "memory_mb": memory_mb}


GOOD = (evidence("replicate", 0.02), evidence("confirm", 0.01), evidence("measure", 0.005))


@pytest.mark.parametrize(
    ("step_ms", "memory_mb", "reason"),
    [
        (20.0, 200.0, None),
        (20.1, 1.0, "limits: 20.1 ms a step measured, 20 allowed by limits.step_ms in lab.toml"),
        (1.0, 250.0, "limits: 250 MB measured, 200 allowed by limits.memory_mb in lab.toml"),
    ],
)
def test_limits(step_ms: float, memory_mb: float, reason: str | None) -> None:
    judged = LimitsGate().judge(verdict("supported", *GOOD), facts(step_ms, memory_mb))
    assert judged.decision == ("supported" if reason is None else "inconclusive")
    assert judged.reasons[1:] == ((reason,) if reason else ())


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (evidence("confirm", 0.0), "transfer: no gain at scale 'confirm-scale' over 3 pairs"),
        (evidence("confirm", -0.01), "transfer: no gain at scale 'confirm-scale' over 3 pairs"),
        (evidence("measure", -1e-9, 2), "transfer: no gain at scale 'measure-scale' over 2 pairs"),
        (evidence("measure", None, 1), "transfer: no gain at scale 'measure-scale' over 1 pair"),
    ],
)
def test_transfer_refuses_a_gain_that_is_gone_at_a_larger_scale(bad: Evidence, reason: str) -> None:
    judged = Transfer().judge(verdict("supported", GOOD[0], bad), facts())
    assert judged.decision == "inconclusive"
    assert judged.reasons == ("e is large", reason)


def test_transfer_looks_beyond_the_smallest_scale_only() -> None:
    assert (
        Transfer().judge(verdict("supported", evidence("replicate", -0.01), GOOD[1]), facts()).decision == "supported"
    )


def test_all_gates_together() -> None:
    assert apply_gates(verdict("supported", *GOOD), facts()) == verdict("supported", *GOOD)
    spoilt = apply_gates(verdict("supported", GOOD[0], evidence("measure", -1.0)), facts(step_ms=100.0))
    assert spoilt.decision == "inconclusive"
    assert len(spoilt.reasons) == 2  # the first gate that refuses says why; a second reason would add nothing


@given(verdicts, any_facts)
@settings(max_examples=100, deadline=None)
def test_gates_support_nothing_that_the_statistics_did_not(drawn: Verdict, facts: dict[str, Any]) -> None:
    judged = apply_gates(drawn, facts)
    assert judged.decision == "supported" or drawn.decision != "supported" or len(judged.reasons) > len(drawn.reasons)
    if judged.decision == "supported":
        assert drawn == judged


def test_a_gate_that_raises_a_verdict_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.REGISTRY["gate"], "generous", f"{__name__}:Generous")
    with pytest.raises(AssertionError, match="gate generous upgraded a verdict"):
        apply_gates(verdict("refuted"), facts())


class Generous:
    name = "generous"

    def judge(self, verdict: Verdict, facts: dict[str, Any]) -> Verdict:  # noqa: ARG002 the contract of gates
        return verdict.model_copy(update={"decision": "supported"})


@pytest.mark.parametrize(
    ("before", "to", "after"),
    [
        ("supported", "inconclusive", "inconclusive"),
        ("supported", "refuted", "refuted"),
        ("inconclusive", "refuted", "refuted"),
        ("inconclusive", "supported", "inconclusive"),
        ("refuted", "inconclusive", "refuted"),
        ("refuted", "supported", "refuted"),
        ("refuted", "refuted", "refuted"),
    ],
)
def test_downgrade(before: Decision, to: Decision, after: Decision) -> None:
    lowered = downgrade(verdict(before), to, "a reason")
    assert lowered.decision == after
    assert lowered.reasons == (("e is large", "a reason") if after != before else ("e is large",))
