"""What a budget would buy, before it is spent."""

from typing import Any

from assay.campaign.data_plan import data_ahead
from assay.campaign.decide import Key
from assay.campaign.estimates import pairs_for
from assay.campaign.lab import Lab
from assay.campaign.observe import TYPICAL_EFFECT, expected_cost
from assay.campaign.spending import check_enough, check_limits, expected_flops, flops_per_second
from assay.evidence.planning import expected_pairs
from assay.evidence.sequential import detectable, power
from assay.spec.budget import Budget

#: Deviation of a paired difference in per cent of the score, reckoned with until the lab has measured its own.
ASSUMED_NOISE = 0.6
#: FLOPs a second of one core, reckoned with until a run was measured.
ASSUMED_SPEED = 2e10
#: Share of proposals that reach promotion, for the estimate of how many fit into a budget.
ASSUMED_SUCCESSES = 0.2


def plan(lab: Lab, budget: Budget) -> dict[str, Any]:
    """Facts for `assay plan`: what would run, its cost and time, the smallest effect that could be seen.

    Raises:
        UserError: the lab is broken, or the budget does not cover one pair.
    """
    manifest = lab.check()
    campaign = lab.campaign()
    check_limits(campaign, budget)
    check_enough(campaign, budget, lab.workers())
    config, workers = lab.config, lab.workers()
    champion, threshold = campaign.decider.champion, 1 / campaign.decider.next_level()
    measured = flops_per_second(campaign)
    noise = campaign.noise_percent()
    sd = noise or ASSUMED_NOISE
    scales: list[dict[str, Any]] = []
    for index, scale in enumerate(config.ladder):
        flops = expected_flops(campaign, Key(champion, index, 0))
        speed = flops_per_second(campaign, index) or ASSUMED_SPEED
        scales.append({"name": scale.name, "flops": flops, "seconds": flops / speed})
    speed = measured or ASSUMED_SPEED
    dropped = expected_pairs(0.0, threshold, config.evidence.pairs) or config.evidence.screen_pairs
    refused_cost = dropped * scales[0]["flops"]
    success_cost = expected_cost(campaign, champion, campaign.recipes[champion], threshold)
    each = (1 - ASSUMED_SUCCESSES) * refused_cost + ASSUMED_SUCCESSES * success_cost
    # The champion's own runs at the smallest scale, which all proposals share.
    shared = expected_pairs(TYPICAL_EFFECT, threshold, config.evidence.pairs) * scales[0]["flops"]
    flops = _flops_of(budget, speed, workers, scales, config.costs.usd_per_core_hour)
    proposals = max(1, int((flops - shared) / each)) if flops > shared else 1
    runs = budget.runs or round(flops / (each / (dropped + ASSUMED_SUCCESSES * 3 * dropped)))
    detect = {
        f"{pairs} pairs": detectable(sd, threshold, pairs) for pairs in (5, 10, config.evidence.pairs)
    }  # fmt: skip
    return {
        "lab": config.name,
        "generation": campaign.decider.generation,
        "budget": budget.model_dump(mode="json", exclude_none=True),
        "workers": workers,
        "scales": scales,
        "speed_measured": measured is not None,
        "flops": flops,
        "core_seconds": flops / speed,
        "seconds": flops / speed / workers,
        "usd": flops / speed / 3600 * config.costs.usd_per_core_hour,
        "proposals": proposals,
        "runs": int(runs),
        "flops_per_dropped_proposal": refused_cost,
        "flops_per_promotion": success_cost,
        "flops_per_structural_promotion": expected_cost(
            campaign, champion, campaign.recipes[champion], threshold, retuned=True
        ),
        "assumed_success_share": ASSUMED_SUCCESSES,
        "noise_percent": sd,
        "noise_measured": noise is not None,
        "noise_stale": campaign.calibration.stale(champion, lab.trainer()) if campaign.calibration else "",
        "design": _design(config.evidence.min_effect, noise, threshold) if noise else None,
        "threshold": threshold,
        "detectable_percent": {k: (v if v != float("inf") else None) for k, v in detect.items()},
        "researchers": list(config.researchers.use),
        "data": data_ahead(lab, campaign),
        "train_tokens": sum(manifest.train_tokens().values()),
    }


def _design(effect: float, noise: float, threshold: float) -> dict[str, Any]:
    """Pairs that finding the smallest effect worth having would take, at the measured noise (both in per cent)."""
    pairs = pairs_for(effect / noise, threshold)
    return {"effect_percent": effect, "pairs": pairs, "power": power(effect / noise, threshold, pairs)}


def _flops_of(budget: Budget, speed: float, workers: int, scales: list[dict[str, Any]], price: float) -> float:
    """Compute that the tightest of the budget's limits allows."""
    limits: list[float] = []
    if budget.flops is not None:
        limits.append(budget.flops)
    if budget.seconds is not None:
        limits.append(budget.seconds * speed * workers)
    if budget.runs is not None:
        # Two in three runs of a campaign are at the smallest scale, nearly all others at the second.
        limits.append(budget.runs * (2 * scales[0]["flops"] + scales[1]["flops"]) / 3)
    if budget.usd is not None and price > 0:
        limits.append(budget.usd / price * 3600 * speed)
    return min(limits) if limits else 0.0
