"""What may be proposed: the one rule that every researcher, file and language model is held to."""

from assay.spec.errors import UserError
from assay.spec.proposal import Proposal
from assay.spec.protocols import View
from assay.spec.recipe import Change, Recipe, changed, difference, flatten
from assay.spec.scale import shape_at
from assay.spec.search import check_change

# Fields that act only while another field has a certain value.
ACTS_ONLY_WITH = {
    "optimiser.muon_lr": ("optimiser.name", "muon"),
    "optimiser.muon_momentum": ("optimiser.name", "muon"),
    "schedule.decay": ("schedule.name", "wsd"),
    "model.rope_base": ("model.position", "rope"),
}


def admissible(view: View, proposal: Proposal) -> str | None:
    """Why a proposal is refused, in one sentence, or None when it may be registered.

    Refused are: a change outside the search space; a recipe that cannot be built, or exceeds the limits, at
    any scale of the ladder; a change that changes nothing; and a candidate that was already proposed against
    the same champion. Against a new champion the same change is a new hypothesis.
    """
    where = "the change"
    try:
        check_change(proposal.change, view.config.search, where)
        candidate = changed(view.champion, proposal.change, where)
        _check_mixture(candidate, view)
        _check_limits(candidate, view)
        _check_realised(candidate, view)
    except UserError as error:
        return str(error)
    if candidate.hash == view.champion.hash:
        return "the change changes nothing: the champion already has these values"
    # A placebo is meant to have no effect; everyone else would pay for runs that cannot differ.
    if proposal.kind != "placebo" and not effective(candidate, proposal.change):
        key = next(iter(proposal.change))
        other, value = ACTS_ONLY_WITH[key]
        return f"the change has no effect: '{key}' acts only where {other} is '{value}'"
    champion = view.champion.hash
    for trial in view.trials:
        if trial.registered.champion == champion and trial.recipe.hash == candidate.hash:
            return f"proposal {trial.registered.number} already tests this recipe against the same champion"
    return None


def effective(recipe: Recipe, change: Change) -> Change:
    """The part of a change that acts in a recipe."""
    values = flatten(recipe.model_dump(mode="json"))
    return {
        key: value
        for key, value in change.items()
        if key not in ACTS_ONLY_WITH or values[ACTS_ONLY_WITH[key][0]] == ACTS_ONLY_WITH[key][1]
    }


def domains(view: View) -> tuple[str, ...]:
    """Names of the corpus's domains, sorted."""
    return tuple(sorted(view.domain_tokens or view.config.corpus.score_weights))


def _check_mixture(candidate: Recipe, view: View) -> None:
    known = domains(view)
    for name in candidate.data.mixture or {}:
        if name not in known:
            raise UserError(f"'data.mixture' names '{name}', but the corpus has only: {', '.join(known)}")


#: Fields that act through the rounded sizes of the model alone.
SIZES = {"model.width_ratio", "model.depth_ratio", "model.mlp_ratio"}


def _check_realised(candidate: Recipe, view: View) -> None:
    """Sizes are rounded: a small model may come out the same, and its pairs could show no difference."""
    changes = difference(view.champion, candidate)
    if not changes or not set(changes) <= SIZES:
        return
    for scale in view.config.ladder[:2]:
        if shape_at(candidate, scale, view.vocab) == shape_at(view.champion, scale, view.vocab):
            raise UserError(f"the change changes nothing at scale '{scale.name}': the model has the same sizes there")


def _check_limits(candidate: Recipe, view: View) -> None:
    limits = view.config.limits
    for scale in view.config.ladder:
        shape = shape_at(candidate, scale, view.vocab)
        if shape.parameters > limits.parameters:
            raise UserError(
                f"at scale '{scale.name}' the model has {shape.parameters:,} parameters, more than the "
                f"{limits.parameters:,} that [limits] in lab.toml allows"
            )
        if shape.memory_mb() > limits.memory_mb:
            raise UserError(
                f"at scale '{scale.name}' training needs about {shape.memory_mb():,.0f} MB, more than the "
                f"{limits.memory_mb:,.0f} MB that [limits] in lab.toml allows"
            )
