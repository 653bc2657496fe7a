"""What past trials say, in numbers: measured effects, and predictions from them."""

import math
from collections.abc import Sequence
from typing import Any

from assay.researchers.acting import of_mixing
from assay.spec.proposal import Kind, Prediction
from assay.spec.protocols import View
from assay.spec.recipe import SELECTING, Change, flatten
from assay.spec.verdict import Verdict

# Before any result of its kind: most changes to a working recipe do nothing or harm, a few help. Worth this many
# observations. All in per cent of the score.
PRIOR_MEAN, PRIOR_DEVIATION, PRIOR_WEIGHT = -0.5, 2.5, 3
TENTH_PERCENTILE = 1.2816  # of the standard normal distribution

SHAPE = ("width_ratio", "depth_ratio", "head_dim", "query_heads_per_kv", "mlp_ratio")


def measured(verdict: Verdict | None) -> float | None:
    """Measured effect at the smallest scale, per cent of the champion's score; None if there is none."""
    for evidence in verdict.evidence if verdict else ():
        if evidence.stage == "replicate" and evidence.effect is not None and evidence.champion_score:
            return 100 * evidence.effect / evidence.champion_score
    return None


def diverged(verdict: Verdict | None) -> bool:
    """Whether a candidate was refuted because its training diverged."""
    return (
        verdict is not None
        and verdict.decision == "refuted"
        and any(pair.difference is None for evidence in verdict.evidence for pair in evidence.pairs)
    )


def levels(view: View) -> dict[int, float]:
    """How much better each generation is than generation 0, in per cent: the sum of promoted effects.

    Effects are measured against the champion of their time; adding its level makes them comparable.
    """
    level = {0: 0.0}
    for generation in sorted(view.generations, key=lambda g: g.number):
        if generation.certificate is not None:
            effect = measured(generation.certificate.verdict)
            below = level.get(generation.number - 1, 0.0)
            level[generation.number] = below + (generation.certificate.effect_percent if effect is None else effect)
        elif generation.audit is not None:
            lost = generation.audit.dropped
            level[generation.number] = level[generation.number - 1] - (level[lost] - level[lost - 1])
    return level


def kind_of(change: Change) -> Kind:
    """The kind of a change, from the keys that it touches."""
    kinds: set[Kind] = {_kind_of_key(key) for key in change}
    return kinds.pop() if len(kinds) == 1 else "mixed"


def _kind_of_key(key: str) -> Kind:
    section, _, leaf = key.partition(".")
    if section == "optimiser":
        return "optimiser"
    if section == "schedule":
        return "schedule"
    if section == "model":
        return "shape" if leaf in SHAPE else "architecture"
    if section == "transfer":
        return "shape"
    if key in SELECTING:
        return "dedup" if leaf.startswith("dedup") else "filter"
    return "mixture" if of_mixing(key) else "data"


def predict(view: View, author: str, kind: Kind) -> Prediction:
    """Prediction from what the author's own proposals of this kind have measured so far.

    Mean and spread of those effects, with the prior as a few observations of its own, as a normal
    distribution whose 10th and 90th percentile bound the 80% interval.
    """
    past = [trial for trial in view.trials if trial.registered.proposal.author == author]
    effects = [measured(trial.verdict) for trial in past if trial.registered.proposal.kind == kind]
    mean, deviation = _posterior([effect for effect in effects if effect is not None])
    half = TENTH_PERCENTILE * deviation
    return Prediction(effect=round(mean, 2), low=round(mean - half, 2), high=round(mean + half, 2))


def _posterior(effects: Sequence[float]) -> tuple[float, float]:
    total = PRIOR_WEIGHT + len(effects)
    mean = (PRIOR_WEIGHT * PRIOR_MEAN + sum(effects)) / total
    squares = PRIOR_WEIGHT * (PRIOR_DEVIATION**2 + (PRIOR_MEAN - mean) ** 2) + sum((x - mean) ** 2 for x in effects)
    return mean, math.sqrt(squares / total)


def describe(view: View, change: Change) -> str:
    """A change in words: each key with its old and new value."""
    old = flatten(view.champion.model_dump(mode="json"))
    return "; ".join(f"{key} {_text(key, old[key])} → {_text(key, value)}" for key, value in change.items())


def _text(key: str, value: Any) -> str:
    if value is None:
        return "in proportion to tokens" if key == "data.mixture" else "as elsewhere"
    if isinstance(value, dict):
        return ", ".join(f"{domain} {weight:g}" for domain, weight in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
