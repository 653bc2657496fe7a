"""How a gate lowers a verdict."""

from assay.spec.verdict import Decision, Verdict

ORDER: dict[Decision, int] = {"refuted": 0, "inconclusive": 1, "supported": 2}


def downgrade(verdict: Verdict, decision: Decision, reason: str) -> Verdict:
    """The verdict with a lower decision and one more reason; one that is as low already stays as it is."""
    if ORDER[verdict.decision] <= ORDER[decision]:
        return verdict
    return verdict.model_copy(update={"decision": decision, "reasons": (*verdict.reasons, reason)})
