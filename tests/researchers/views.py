"""Views to propose from: a lab's state at some point, built by hand."""

from typing import Any

from assay.spec.lab import CorpusSettings, LabConfig
from assay.spec.proposal import Prediction, Proposal, Registered
from assay.spec.protocols import Trial, View
from assay.spec.recipe import changed
from assay.spec.scale import Scale
from assay.spec.verdict import Certificate, Decision, Evidence, Generation, Pair, Verdict

DOMAINS = {"code": 900_000, "docs": 300_000, "tests": 600_000}
SCORE = 3.0  # bits per byte of every champion


#: Three heads at the middle scale; 0.83 million parameters at the largest.
LADDER = (
    Scale(name="small", width=64, depth=2, flops=1.2e11),
    Scale(name="medium", width=96, depth=3, flops=4.8e11),
    Scale(name="large", width=128, depth=4, flops=1.92e12),
)


def config(**fields: Any) -> LabConfig:
    corpus = CorpusSettings(id="0" * 16, score_weights=dict.fromkeys(DOMAINS, 1.0))
    return LabConfig(name="lab", seed=7_654_321, corpus=corpus, **{"ladder": LADDER, **fields})


def view(settings: LabConfig | None = None, **fields: Any) -> View:
    settings = settings or config()
    content: dict[str, Any] = {
        "config": settings,
        "champion": settings.start,
        "generation": 0,
        "domain_tokens": DOMAINS,
        "champion_score": SCORE,
        "champion_domains": {"code": 2.9, "docs": 3.1, "tests": 3.0},
        "noise": 0.4,
        "budget_left": "12 minutes",
        "seed": 11,
    }
    return View(**{**content, **fields})


def proposal(change: dict[str, Any], author: str = "human:ada", hypothesis: str = "It should help.") -> Proposal:
    return Proposal(
        hypothesis=hypothesis,
        kind="optimiser",
        change=change,
        predicted=Prediction(effect=1.0, low=-1.0, high=3.0),
        author=author,
    )


def evidence(percent: float | None, stage: Any = "replicate") -> Evidence:
    effect = None if percent is None else percent * SCORE / 100
    pair = Pair(seed=424_242, champion="a" * 16, candidate="b" * 16, difference=effect)
    return Evidence(stage=stage, scale="small", pairs=(pair,), champion_score=SCORE, effect=effect)


def trial(
    before: View,
    made: Proposal,
    percent: float | None = None,
    decision: Decision | None = None,
    reason: str = "because",
) -> Trial:
    """A trial of the view's champion: `decision` None is still under test, `percent` None with one diverged."""
    number = len(before.trials) + 1
    recipe = changed(before.champion, made.change)
    registered = Registered(
        number=number,
        proposal=made,
        generation=before.generation,
        champion=before.champion.hash,
        candidate=recipe.hash,
        cost_flops=1e12,
        level=0.01,
    )
    verdict = None
    if decision is not None:
        verdict = Verdict(
            number=number,
            decision=decision,
            e_value=1.0,
            threshold=100.0,
            evidence=(evidence(percent),),
            reasons=(reason,),
        )
    return Trial(registered=registered, recipe=recipe, verdict=verdict)


def after(before: View, *trials: Trial, **fields: Any) -> View:
    return before.model_copy(update={"trials": (*before.trials, *trials), **fields})


def promoted(before: View, made: Proposal, percent: float) -> View:
    """The view after a proposal was supported and its candidate became the champion."""
    won = trial(before, made, percent, "supported")
    assert won.verdict is not None
    certificate = Certificate(
        registered=won.registered, verdict=won.verdict, effect_percent=percent, multipliers=(), preliminary=True
    )
    number = before.generation + 1
    generation = Generation(number=number, recipe=won.recipe.hash, certificate=certificate)
    return after(before, won, champion=won.recipe, generation=number, generations=(*before.generations, generation))


def candidates(before: View, found: list[Proposal]) -> set[str]:
    """Hashes of the candidates."""
    return {changed(before.champion, each.change).hash for each in found}
