"""From pairs of runs to `Evidence`."""

import math
from collections.abc import Sequence

from assay.evidence.sequential import confidence_sequence, detectable, e_value, moments
from assay.spec.verdict import Evidence, Occasion, Pair


def evidence_of(
    stage: Occasion,
    scale_name: str,
    pairs: Sequence[Pair],
    champion_scores: Sequence[float],
    threshold: float,
    cap: int,
) -> Evidence:
    """Summarise a paired comparison at one scale.

    A diverged candidate is a result, and the worst one: a pair without a difference makes the e-value 0, which no
    threshold accepts, and the caller refutes. It leaves effect, deviation and interval empty, because a mean over
    the pairs that happened to survive would describe another, better recipe.

    Args:
        pairs: all pairs of this stage so far, in order of their seeds.
        champion_scores: the champion's mean bits per byte in these pairs.
        threshold: 1/level that the e-value has to reach.
        cap: most pairs at this stage.
    """
    champion_score = math.fsum(champion_scores) / len(champion_scores) if champion_scores else None
    differences = [pair.difference for pair in pairs if pair.difference is not None]
    if len(differences) < len(pairs):
        return Evidence(stage=stage, scale=scale_name, pairs=tuple(pairs), champion_score=champion_score, e_value=0.0)
    n, mean, sd = moments(differences)
    low, high = confidence_sequence(n, mean, sd)
    smallest = detectable(sd, threshold, cap) if sd > 0 else math.inf
    return Evidence(
        stage=stage,
        scale=scale_name,
        pairs=tuple(pairs),
        champion_score=champion_score,
        effect=mean if n else None,
        deviation=sd if n > 1 else None,
        low=low,
        high=high,
        e_value=e_value(n, mean, sd),
        detectable=None if math.isinf(smallest) else smallest,
    )
