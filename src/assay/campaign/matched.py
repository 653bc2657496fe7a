"""A promotion's effect at equal compute, as measured, beside what it would be at equal tokens and at equal time."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Literal

from assay.evidence.multiplier import CurvePoint, loss_at
from assay.spec.scale import shape_at
from assay.spec.verdict import Evidence, Matched

if TYPE_CHECKING:
    from assay.campaign.decide import Test
    from assay.campaign.history import Campaign

#: The scale of confirmation.
CONFIRM = 1


def matched(campaign: Campaign, test: Test, confirm: Evidence, old: list[CurvePoint]) -> tuple[Matched, ...]:
    """The effect at equal FLOPs (measured), tokens and time (both estimated).

    At equal compute the candidate reads some tokens and takes some time. The champion would read as many, or take as
    long, with another compute budget; its score there is read off its own loss-compute curve, which is never extended
    beyond what was measured. The ladder's larger budgets go to larger models, so this is a rough guide; `assay compare
    --match all` measures it.

    Args:
        confirm: the evidence at the confirmation scale.
        old: the champion's loss-compute curve.
    """
    base = confirm.champion_score
    assert base is not None
    assert confirm.effect is not None
    scale = campaign.config.ladder[CONFIRM]
    low = None if confirm.low is None else 100 * confirm.low / base
    high = None if confirm.high is None else 100 * confirm.high / base
    found = [Matched(match="flops", ratio=1.0, percent=100 * confirm.effect / base, low=low, high=high)]
    champion, candidate = (
        shape_at(campaign.recipes[recipe], scale, campaign.vocab) for recipe in (test.champion, test.candidate)
    )
    times = [_step_ms(campaign, recipe) for recipe in (test.champion, test.candidate)]
    tokens = candidate.tokens / champion.tokens
    seconds = candidate.steps * times[1] / (champion.steps * times[0]) if times[0] and times[1] else None
    here = loss_at(old, scale.flops)
    ratios: tuple[tuple[Literal["tokens", "time"], float | None], ...] = (("tokens", tokens), ("time", seconds))
    for match, ratio in ratios:
        if ratio is None:
            found.append(Matched(match=match, estimated=True, note="no step times were reported"))
            continue
        there = loss_at(old, ratio * scale.flops)
        if here is None or there is None:
            note = "beyond the champion's measured range"
            found.append(Matched(match=match, ratio=ratio, estimated=True, note=note))
            continue
        shift = 100 * (there - here) / base
        found.append(
            Matched(
                match=match, ratio=ratio, percent=100 * confirm.effect / base + shift, estimated=True,
                low=None if low is None else low + shift, high=None if high is None else high + shift,
                note="the interval is that of the measured effect, moved; the curve's own error is not in it",
            )
        )  # fmt: skip
    return tuple(found)


def _step_ms(campaign: Campaign, recipe: str) -> float | None:
    """Median step time of a recipe's finished runs at the confirmation scale; None if none was reported."""
    times = [outcome.step_ms for outcome in campaign.scores_at(recipe, CONFIRM).values() if outcome.step_ms > 0]
    return statistics.median(times) if times else None
