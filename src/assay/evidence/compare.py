"""From pairs of runs to `Evidence`."""

import math
from collections.abc import Sequence

from assay.evidence.sequential import (
    confidence_sequence,
    detectable,
    e_value,
    e_value_skewed,
    moments,
    sign_e_value,
)
from assay.spec.verdict import Evidence, Occasion, Pair


def evidence_of(
    stage: Occasion,
    scale_name: str,
    pairs: Sequence[Pair],
    champion_scores: Sequence[float],
    threshold: float,
    cap: int,
    noise: float | None = None,
    skewness: float = 0.0,
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
        noise: deviation of one paired difference, pooled with other comparisons, for the smallest detectable effect:
            that of two or three pairs says next to nothing. None: too little is known to quote one.
        skewness: of paired differences at this scale where it is clearly below 0.
    """
    champion_score = math.fsum(champion_scores) / len(champion_scores) if champion_scores else None
    differences = [pair.difference for pair in pairs if pair.difference is not None]
    if len(differences) < len(pairs):
        return Evidence(stage=stage, scale=scale_name, pairs=tuple(pairs), champion_score=champion_score, e_value=0.0)
    n, mean, sd = moments(differences)
    low, high = confidence_sequence(n, mean, sd)
    smallest = detectable(noise, threshold, cap) if noise else math.inf
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
        cautions=_cautions(differences, threshold, skewness),
    )


def _cautions(differences: Sequence[float], threshold: float, skewness: float) -> tuple[str, ...]:
    """What speaks against an e-value that reached its threshold; nothing where it did not."""
    n, mean, sd = moments(differences)
    if e_value(n, mean, sd) < threshold:
        return ()
    found: list[str] = []
    corrected = e_value_skewed(n, mean, sd, skewness)
    if skewness < 0 and corrected < threshold:
        found.append(
            f"differences here have a long tail on the worse side (skewness {skewness:.1f}); corrected for it, e is "
            f"{corrected:.3g}"
        )
    if sign_e_value(differences) < 1.0:
        found.append("the candidate was not better in clearly more than half of the pairs; its mean rests on a few")
    return tuple(found)
