"""Gates: conditions that a promotion must pass. Each only ever downgrades a verdict, with a reason.

To add one, write a file like `limits.py` with a class that has a `name` and `judge(verdict, facts)`, and add a line
under "gate" in `assay/spec/registry.py`:

    class Quiet:
        name = "quiet"

        def judge(self, verdict: Verdict, facts: dict[str, Any]) -> Verdict:
            return downgrade(verdict, "inconclusive", "quiet: …") if … else verdict
"""

from typing import Any

from assay.governance.gates.downgrade import ORDER, downgrade
from assay.spec.protocols import Gate
from assay.spec.registry import load, names
from assay.spec.verdict import Verdict

__all__ = ["apply_gates", "downgrade"]


def apply_gates(verdict: Verdict, facts: dict[str, Any]) -> Verdict:
    """Pass a verdict through every registered gate.

    Args:
        verdict: what the statistics gave.
        facts: `limits` (spec.lab.Limits), and the candidate's largest measured `step_ms` and `memory_mb`.
    """
    for name in names("gate"):
        gate: Gate = load("gate", name)()
        judged = gate.judge(verdict, facts)
        assert ORDER[judged.decision] <= ORDER[verdict.decision], f"gate {name} upgraded a verdict"
        verdict = judged
    return verdict
