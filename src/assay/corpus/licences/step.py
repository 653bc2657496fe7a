"""The step `licences`: takes out documents that a policy refuses."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from assay.corpus.licences.policy import refusals
from assay.corpus.steps.step import Batch, Judged, Survey
from assay.spec.lab import LicencePolicy

RULE = "licence"


class KeepLicensed:
    """Removes documents whose licence a policy refuses; the detail says why."""

    name = "licences"
    rounds = 0

    def __init__(self, policy: LicencePolicy) -> None:
        self._policy = policy

    def parameters(self) -> dict[str, Any]:
        """The policy."""
        return self._policy.model_dump(mode="json")

    def survey(self, number: int, batch: Batch, plan: Any) -> Survey:
        """Never asked for."""
        raise NotImplementedError((number, batch, plan))

    def decide(self, number: int, surveys: Iterable[Survey], plan: Any, work: Path) -> Any:
        """Never asked for."""
        raise NotImplementedError((number, surveys, plan, work))

    def apply(self, batch: Batch, plan: Any) -> Judged:  # noqa: ARG002
        """Remove what is refused."""
        details = refusals(self._policy, batch.column("licence"))
        return Judged(removed=dict.fromkeys(details, RULE), details=details)

    def report(self, plan: Any) -> dict[str, Any]:  # noqa: ARG002
        """Nothing is learned."""
        return {}
