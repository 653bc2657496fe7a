"""A gain must not turn into a loss at a larger scale."""

from typing import Any

from assay.governance.gates.downgrade import downgrade
from assay.spec.verdict import Verdict


class Transfer:
    """Refuses a candidate whose mean effect beyond the smallest scale is not positive."""

    name = "transfer"

    def judge(self, verdict: Verdict, facts: dict[str, Any]) -> Verdict:  # noqa: ARG002 the contract of gates
        for evidence in verdict.evidence:
            if evidence.stage in ("confirm", "remeasure", "measure") and (
                evidence.effect is None or evidence.effect <= 0
            ):
                pairs = f"{len(evidence.pairs)} pair{'s' if len(evidence.pairs) > 1 else ''}"
                return downgrade(verdict, "inconclusive", f"transfer: no gain at scale '{evidence.scale}' over {pairs}")
        return verdict
