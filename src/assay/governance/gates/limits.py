"""The lab's limits on step time and memory, as measured."""

from typing import Any

from assay.governance.gates.downgrade import downgrade
from assay.spec.verdict import Verdict


class Limits:
    """Refuses what trained better but too slowly, or in too much memory, for this lab."""

    name = "limits"

    def judge(self, verdict: Verdict, facts: dict[str, Any]) -> Verdict:
        limits = facts["limits"]
        for key, unit in (("step_ms", "ms a step"), ("memory_mb", "MB")):
            measured, allowed = facts[key], getattr(limits, key)
            if measured > allowed:
                reason = f"limits: {measured:.4g} {unit} measured, {allowed:.4g} allowed by limits.{key} in lab.toml"
                return downgrade(verdict, "inconclusive", reason)
        return verdict
