"""How far a program says that it has come, against what it was told to do."""

from collections.abc import Sequence

from assay.spec.external import Plan
from assay.training.external.metrics import Row


class Reached:
    """The last step and tokens that a program reported.

    A program that reports every k steps, or counts its steps from 0, may have trained up to k steps more than it says.
    k is the largest distance between two reports; before the second one, that from step 1 to the first.

    Args:
        plan: what it was told to do.
        before: steps that it reported in earlier attempts, which this one goes on from.
    """

    def __init__(self, plan: Plan, before: Sequence[int]) -> None:
        self._plan = plan
        self._step, self._interval, self._tokens = 1, 1, None
        for step in before:
            self.report({"step": step})

    def report(self, row: Row) -> None:
        """Take one report, in assay's numbering: the first step is 1."""
        step = int(row["step"])
        self._interval = max(self._interval, step - self._step)
        self._step, self._tokens = step, row.get("tokens")

    def shortfall(self) -> str:
        """How far it came, in words, where more is missing than k steps; '' else."""
        plan, slack = self._plan, self._interval
        if self._step + slack < plan.steps:
            return f"stopped after step {self._step} of {plan.steps}"
        wanted = plan.steps * plan.tokens_per_step
        if self._tokens is not None and self._tokens + slack * plan.tokens_per_step < wanted:
            return f"stopped after {self._tokens:.0f} of {wanted} tokens"
        return ""
