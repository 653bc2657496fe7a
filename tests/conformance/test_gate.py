"""What every gate must do, whatever it looks at (`assay.spec.protocols.Gate`)."""

from typing import Any

import pytest
from hypothesis import given, settings

from assay.spec.protocols import Gate
from assay.spec.registry import load, names
from assay.spec.verdict import Verdict
from tests.governance.strategies import facts, verdicts

RANK = {"refuted": 0, "inconclusive": 1, "supported": 2}


@pytest.fixture(params=names("gate"), scope="module")
def gate(request: pytest.FixtureRequest) -> Gate:
    found: Gate = load("gate", request.param)()
    assert found.name == request.param
    return found


@given(verdicts, facts)
@settings(max_examples=150, deadline=None)
def test_a_verdict_is_only_ever_lowered_and_then_with_one_more_reason(
    gate: Gate, verdict: Verdict, facts: dict[str, Any]
) -> None:
    judged = gate.judge(verdict, facts)
    if judged == verdict:
        return
    assert RANK[judged.decision] < RANK[verdict.decision]
    assert judged.reasons[:-1] == verdict.reasons
    assert judged.reasons[-1].startswith(f"{gate.name}: ")
    assert "\n" not in judged.reasons[-1]
    unchanged = {"decision", "reasons"}
    assert judged.model_dump(exclude=unchanged) == verdict.model_dump(exclude=unchanged)


@given(verdicts, facts)
@settings(max_examples=100, deadline=None)
def test_the_same_is_judged_the_same_and_judging_twice_changes_nothing(
    gate: Gate, verdict: Verdict, facts: dict[str, Any]
) -> None:
    judged = gate.judge(verdict, facts)
    assert gate.judge(verdict, facts) == judged
    assert gate.judge(judged, facts) == judged


@given(verdicts, facts)
@settings(max_examples=100, deadline=None)
def test_what_is_not_supported_stays_as_it_is(gate: Gate, verdict: Verdict, facts: dict[str, Any]) -> None:
    """Gates are conditions on a promotion; they have nothing to say where there is none."""
    if verdict.decision != "supported":
        assert gate.judge(verdict, facts).decision == verdict.decision
