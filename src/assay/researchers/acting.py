"""Which fields of a recipe act: some do only while another has a certain value."""

from collections.abc import Callable
from typing import Any, NamedTuple

from assay.spec.recipe import MIXING, Change, Group, Recipe, flatten, is_mixture


class Condition(NamedTuple):
    """What must hold for a field to act, the field that decides it, and the same in words."""

    key: str
    holds: Callable[[Change], bool]
    words: str


def _one_of(key: str, *values: Any) -> Condition:
    return Condition(key, lambda recipe: recipe[key] in values, f"{key} is {' or '.join(map(repr, values))}")


def _above(key: str, limit: float) -> Condition:
    return Condition(key, lambda recipe: recipe[key] > limit, f"{key} is above {limit:g}")


GROUPS = ("embedding", "head", "vectors")
STAGES = ("data.opening", "data.closing")
_EXPERTS = (_above("model.experts", 0),)
_ROPE = (_one_of("model.position", "rope"),)
_DECAY = (_above("optimiser.weight_decay", 0),)
_UNTIED = (_one_of("model.tied_embeddings", False),)


def _by_size(recipe: Change) -> bool:
    """Whether all domains are read equally often, so that there is no excess to share out."""
    given = [recipe["data.mixture"], *(recipe[f"{stage}.mixture"] for stage in STAGES if recipe[f"{stage}.share"] > 0)]
    return recipe["data.mixture_rule"] == "size" and not any(given)


_MIXED = (Condition("data.mixture_rule", lambda recipe: not _by_size(recipe), "domains differ in epochs"),)

ACTS_ONLY_WITH: dict[str, tuple[Condition, ...]] = {
    **{f"optimiser.muon_{name}": (_one_of("optimiser.name", "muon"),) for name in ("lr", "momentum")},
    **{f"optimiser.soap_{name}": (_one_of("optimiser.name", "soap"),) for name in ("lr", "beta", "every")},
    "optimiser.cautious_decay": _DECAY,
    **{f"optimiser.{group}.decay_ratio": _DECAY for group in GROUPS},
    **{f"optimiser.head.{name}": _UNTIED + (_DECAY if name == "decay_ratio" else ()) for name in Group.model_fields},
    "schedule.decay": (_one_of("schedule.name", "wsd", "sqrt"),),
    "schedule.final": (_one_of("schedule.name", "cosine", "linear", "wsd", "sqrt"),),
    "model.rope_base": _ROPE,
    "model.nope_every": _ROPE,
    "model.full_every": (_above("model.window", 0),),
    "model.experts_per_token": _EXPERTS,
    "model.shared_expert": _EXPERTS,
    "model.expert_bias_rate": _EXPERTS,
    "data.epoch_limit": _MIXED,
    "data.epoch_limits": _MIXED,
    "data.temperature": (_one_of("data.mixture_rule", "temperature"),),
    "data.filter_limit": (_one_of("data.filters", "gopher", "c4", "fineweb", "all"),),
    "data.quality_share": (
        Condition(
            "data.quality_model", lambda recipe: recipe["data.quality_model"] != "", "data.quality_model is given"
        ),
    ),
    "data.quality_model": (
        Condition("data.quality_share", lambda r: r["data.quality_share"] < 1, "a share is left out"),
    ),
    "data.dedup_similarity": (_one_of("data.dedup", "minhash"),),
    **{f"{stage}.mixture": (_above(f"{stage}.share", 0),) for stage in STAGES},
}


def of_mixing(key: str) -> bool:
    """Whether a field says how domains are mixed, which says nothing where there is one."""
    return is_mixture(key) or key in MIXING


def resolved(recipe: Recipe) -> Change:
    """A recipe's fields, with what is absent as it is meant: a group's constants as the optimiser's, a stage's mixture
    as the main part's."""
    values = flatten(recipe.model_dump(mode="json"))
    for group in GROUPS:
        for name in ("beta1", "beta2", "eps"):
            if values[f"optimiser.{group}.{name}"] is None:
                values[f"optimiser.{group}.{name}"] = values[f"optimiser.{name}"]
    for stage in STAGES:
        if values[f"{stage}.mixture"] is None:
            values[f"{stage}.mixture"] = values["data.mixture"]
    return values


def acting(recipe: Recipe) -> Change:
    """The fields that decide how a recipe trains: two recipes of which these agree train alike."""
    values = resolved(recipe)
    if values["model.full_every"] == 1 or values["model.window"] >= values["data.context"]:
        values["model.window"] = 0  # every layer sees everything
    for stage in STAGES:
        if values[f"{stage}.mixture"] == values["data.mixture"]:
            values[f"{stage}.share"] = 0.0  # a stage like all the rest
    return {key: value for key, value in values.items() if not unmet(key, values)}


def unmet(key: str, values: Change) -> list[Condition]:
    """What keeps a field from acting in a recipe, given as `resolved` or `flatten` gives it."""
    return [condition for condition in ACTS_ONLY_WITH.get(key, ()) if not condition.holds(values)]


def effective(before: Recipe, after: Recipe, change: Change) -> Change:
    """The part of a change from one recipe to another that acts."""
    old, new = acting(before), acting(after)
    missing = object()
    return {key: value for key, value in change.items() if key in new and new[key] != old.get(key, missing)}
