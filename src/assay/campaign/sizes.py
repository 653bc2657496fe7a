"""How large an effect really is: what all of the campaign's tests say about one of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from assay.evidence.sequential import moments
from assay.evidence.shrinkage import moderate, shrink
from assay.spec.verdict import Size, Verdict

if TYPE_CHECKING:
    from assay.campaign.history import Campaign


class Measured(NamedTuple):
    """One test's effect at its deciding scale, per cent of the champion's score."""

    number: int
    pairs: int
    mean: float
    deviation: float


def measured(verdict: Verdict) -> Measured | None:
    """The effect of a test, over all of its pairs at the largest deciding scale that it reached; None below two.

    The confirmation's pairs were stopped when they looked good, the remeasurement's number was fixed beforehand. Both
    count in full here: given the prior, when and why measuring stopped tells nothing about the effect beyond the
    measurements (Efron 2011), so it is the prior that takes the flattery out.
    """
    stages = {evidence.stage: evidence for evidence in verdict.evidence}
    last = stages.get("confirm") or stages.get("replicate")
    fresh = stages.get("remeasure") if last is not None and last.stage == "confirm" else None
    shown = [evidence for evidence in (last, fresh) if evidence is not None and evidence.champion_score]
    differences = [
        100 * pair.difference / (evidence.champion_score or 1.0)
        for evidence in shown
        for pair in evidence.pairs
        if pair.difference is not None
    ]
    if len(differences) < max(2, sum(len(evidence.pairs) for evidence in shown)):
        return None  # too few, or a run that diverged, whose effect no number describes
    n, mean, deviation = moments(differences)
    return Measured(verdict.number, n, mean, deviation) if deviation > 1e-9 * abs(mean) else None


def shrunken(campaign: Campaign, number: int) -> Size | None:
    """The effect of one test in the light of every test decided so far, promoted or not; None if it has none.

    Deviations of a few pairs each are moderated first, see `assay.evidence.shrinkage`.
    """
    rows = [row for verdict in campaign.verdicts.values() if (row := measured(verdict)) is not None]
    place = next((i for i, row in enumerate(rows) if row.number == number), None)
    if place is None:
        return None
    deviations, degrees = moderate([row.deviation for row in rows], [row.pairs - 1.0 for row in rows])
    errors = [s / math.sqrt(row.pairs) for s, row in zip(deviations, rows, strict=True)]
    _, [found] = shrink([row.mean for row in rows], errors, degrees, only=[place])
    return Size(percent=found.mean, low=found.low, high=found.high, pairs=rows[place].pairs)
