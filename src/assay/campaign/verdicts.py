"""From a closed test to its verdict and, when it was promoted, its certificate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from assay.campaign.decide import Key, Test
from assay.campaign.matched import matched
from assay.campaign.sizes import shrunken
from assay.evidence.compare import evidence_of
from assay.evidence.intervals import student_half_width
from assay.evidence.multiplier import CurvePoint, multipliers
from assay.spec.base import Frozen
from assay.spec.verdict import (
    Certificate,
    Compared,
    Decision,
    Evidence,
    Pair,
    Retuning,
    Size,
    TunedTrial,
    Verdict,
)

if TYPE_CHECKING:
    from assay.campaign.history import Campaign


#: Why a certificate is advisory where no question could be asked.
NO_VAULT = "the lab has no sealed documents: none of its domains has 20 source documents"

#: Why none was asked where scores are not assay's own.
SELF_SCORED = (
    "scores come from the trainer's own evaluation command, and a foreign program is not shown the sealed documents"
)


def build_verdict(
    campaign: Campaign, test: Test, decision: Decision | None = None, reasons: tuple[str, ...] = ()
) -> Verdict:
    """The verdict on a test with all evidence behind it.

    The e-value is the least over the stages that promotion needs and that were reached.
    """
    stages: tuple[Compared, ...] = ("replicate", "confirm", "retune", "remeasure", "measure")
    evidence = tuple(stage_evidence(campaign, test, stage) for stage in stages if test.seeds.get(stage))
    if not evidence and test.seeds.get("half"):
        evidence = (stage_evidence(campaign, test, "half"),)
    deciding = [e.e_value for e in evidence if e.stage in ("replicate", "confirm")]
    half = [
        o for key, o in campaign.outcomes.items() if key.recipe == test.candidate and "half_loss" in o.self_reported
    ]
    reasons = reasons or test.reasons
    if test.stage == "half" and half:
        reasons = (*reasons, "half-way losses are the external trainer's own account")
    if evidence and "score" in _self_reported(campaign, test):
        reasons = (*reasons, "scores come from the trainer's own evaluation command")
    return Verdict(
        number=test.number,
        decision=decision or test.decision or "inconclusive",
        e_value=min(deciding, default=1.0),
        threshold=test.threshold,
        evidence=evidence,
        reasons=reasons,
        retuning=_retuning(campaign, test),
        vault=campaign.vault_answers.get(test.number),
    )


def _retuning(campaign: Campaign, test: Test) -> Retuning | None:
    """What the champion tried before this candidate could replace it; None if it tried nothing."""
    seeds = test.seeds.get("tune")
    if not seeds:
        return None
    scores = [campaign.outcomes[Key(test.champion, 0, seed)].score for seed in seeds]
    own = sum(score for score in scores if score is not None) / len(scores)
    trials = tuple(
        TunedTrial(
            recipe=variant.recipe,
            change=variant.label,
            runs=tuple(campaign.hash_of(Key(variant.recipe, 0, seed)) for seed in seeds),
            effect_percent=100 * sum(gains) / len(gains) / own if gains else None,
        )
        for variant, gains in campaign.decider.tuning(test)
    )
    return Retuning(trials=trials, best=test.retuned.label if test.retuned else None)


def stage_evidence(campaign: Campaign, test: Test, stage: Compared) -> Evidence:
    """The paired comparison of one stage, over the pairs that were decided on."""
    scale, baseline = campaign.decider.scale_of(stage), campaign.decider.baseline_of(test, stage)
    pairs: list[Pair] = []
    scores: list[float] = []
    for seed in test.seeds[stage]:
        mine, theirs = Key(baseline, scale, seed), Key(test.candidate, scale, seed)
        a, b = campaign.outcomes.get(mine), campaign.outcomes.get(theirs)
        known = a is not None and b is not None and a.score is not None and b.score is not None
        difference = a.score - b.score if known else None  # type: ignore[union-attr,operator]
        pairs.append(
            Pair(
                seed=seed,
                champion=campaign.hash_of(mine),
                candidate=campaign.hash_of(theirs),
                difference=difference,
            )
        )
        if a is not None and a.score is not None:
            scores.append(a.score)
    settings, name = campaign.config.evidence, campaign.config.ladder[scale].name
    if stage == "half":
        return Evidence(stage="half", scale=name, pairs=tuple(pairs))
    cap = settings.pairs if stage == "replicate" else settings.confirm_pairs
    pool = campaign.decider.pools.get(stage)
    if pool is None or not scores:
        return evidence_of(stage, name, pairs, scores, test.threshold, cap)
    noise = pool.deviation
    score = math.fsum(scores) / len(scores)
    return evidence_of(
        stage, name, pairs, scores, test.threshold, cap, noise * score if noise else None, pool.skewness
    )  # fmt: skip


def build_certificate(campaign: Campaign, test: Test) -> Certificate:
    """What a promotion rests on: verdict, effect at the confirmation scale, compute multipliers."""
    verdict = campaign.verdicts[test.number]
    confirm = next(e for e in verdict.evidence if e.stage == "confirm")
    base = confirm.champion_score
    assert base is not None
    assert confirm.effect is not None
    old = _curve(campaign, test.champion)
    new = _curve(campaign, test.candidate)
    single, pooled = multipliers(old, new, seed=test.number)
    answer = campaign.vault_answers.get(test.number)
    told = _self_reported(campaign, test)
    why = answer.note if answer is not None else SELF_SCORED if "score" in told else NO_VAULT
    return Certificate(
        registered=campaign.registered[test.number],
        verdict=verdict,
        effect_percent=100 * confirm.effect / base,
        low_percent=None if confirm.low is None else 100 * confirm.low / base,
        high_percent=None if confirm.high is None else 100 * confirm.high / base,
        remeasured=_fresh_size(next((e for e in verdict.evidence if e.stage == "remeasure"), None)),
        shrunken=shrunken(campaign, test.number),
        matched=matched(campaign, test, confirm, old),
        multipliers=tuple(single),
        pooled=pooled,
        vault="confirmed" if answer is not None and not answer.advisory else "advisory",
        vault_reason=why,
        self_reported=told,
        data_cost=campaign.data_cost(test.candidate),
        preliminary=sum(m.value is not None for m in single) < 3,
    )


def _self_reported(campaign: Campaign, test: Test) -> tuple[str, ...]:
    """What an external trainer said itself about runs of this comparison, and nobody measured."""
    mine = [o for key, o in campaign.outcomes.items() if key.recipe in (test.champion, test.candidate)]
    return tuple(sorted({name for outcome in mine for name in outcome.self_reported}))


def _fresh_size(evidence: Evidence | None) -> Size | None:
    """An effect from a number of pairs fixed in advance, so that Student's interval is exact for Gaussian ones."""
    if evidence is None or evidence.effect is None or not evidence.champion_score:
        return None
    n, unit = len(evidence.pairs), 100 / evidence.champion_score
    low = high = None
    if evidence.deviation is not None:
        half = student_half_width(n, evidence.deviation)
        low, high = unit * (evidence.effect - half), unit * (evidence.effect + half)
    return Size(percent=unit * evidence.effect, low=low, high=high, pairs=n)


def recomputed(evidence: Evidence) -> Evidence:
    """The evidence that its own pairs give; the champion's score and what could be detected rest on more than pairs."""
    found = evidence_of(evidence.stage, evidence.scale, evidence.pairs, (), 1.0, 2)
    kept = {name: getattr(evidence, name) for name in ("champion_score", "detectable", "cautions")}
    return found.model_copy(update=kept)


def agrees(found: Frozen | None, told: Frozen) -> bool:
    """Whether a recomputed decision is the recorded one.

    What is computed from the differences may differ in the last digits, as between versions of a numerical library,
    and reasons in their wording, as between versions of assay; decisions, differences, run hashes and everything else
    may not.
    """
    return found is not None and _alike(found.model_dump(mode="json"), told.model_dump(mode="json"))


def _alike(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        if "difference" in a and a["difference"] != b.get("difference"):
            return False  # a subtraction of two recorded scores, the same everywhere
        return a.keys() == b.keys() and all(key in ("reasons", "cautions") or _alike(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_alike, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-12)
    return a == b


def _curve(campaign: Campaign, recipe: str) -> list[CurvePoint]:
    """Loss against compute of one recipe: its finished runs at each scale."""
    points: list[CurvePoint] = []
    for index, scale in enumerate(campaign.config.ladder):
        outcomes = campaign.scores_at(recipe, index)
        if outcomes:
            seeds = tuple(sorted(outcomes))
            points.append(
                CurvePoint(
                    scale=scale.name,
                    flops=scale.flops,
                    seeds=seeds,
                    scores=tuple(outcomes[s].score or 0.0 for s in seeds),
                )
            )
    return points
