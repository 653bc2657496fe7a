"""What may be proposed: the one rule that every researcher, file and language model is held to."""

from collections.abc import Sequence

from assay.corpus.mixtures.apply import Part, parts_of
from assay.corpus.repetition import check_left
from assay.researchers.acting import effective, of_mixing, resolved, unmet
from assay.spec.errors import UserError
from assay.spec.external import tokens_of
from assay.spec.packing import check_packable
from assay.spec.proposal import Proposal
from assay.spec.protocols import View
from assay.spec.recipe import SELECTING, Change, Recipe, changed, difference
from assay.spec.scale import Scale, shape_at
from assay.spec.search import check_change


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
        _check_mixture(proposal.change, candidate, view)
        if candidate.hash == view.champion.hash:
            return "the change changes nothing: the champion already has these values"
        # A placebo is meant to have no effect; everyone else would pay for runs that cannot differ.
        if proposal.kind != "placebo" and not effective(view.champion, candidate, proposal.change):
            return _no_effect(candidate, proposal.change)
        check_packable(candidate, view.config.execution.hardware)
        _check_limits(candidate, view)
        _check_selection(candidate, view)
        _check_realised(candidate, view)
    except UserError as error:
        return str(error)
    champion = view.champion.hash
    for trial in view.trials:
        if trial.registered.champion == champion and _same(trial.recipe, candidate, view):
            return f"proposal {trial.registered.number} already tests this recipe against the same champion"
    return None


def is_new(view: View, proposal: Proposal, others: Sequence[Proposal]) -> bool:
    """Whether none of the others makes the same recipe, or one that mixes alike by different words."""
    candidate = changed(view.champion, proposal.change)
    return not any(_same(changed(view.champion, other.change), candidate, view) for other in others)


def domains(view: View) -> tuple[str, ...]:
    """Names of the corpus's domains, sorted."""
    return tuple(sorted(view.domain_tokens or view.config.corpus.score_weights))


def _check_mixture(change: Change, candidate: Recipe, view: View) -> None:
    known = domains(view)
    for key, numbers in candidate.data.by_domain().items():
        for name in numbers:
            if name not in known:
                raise UserError(f"'{key}' names '{name}', but the corpus has only: {', '.join(known)}")
    for key in change:
        if of_mixing(key) and len(known) < 2:
            raise UserError(f"'{key}' says how domains are mixed, but the corpus has only one")


def _no_effect(candidate: Recipe, change: Change) -> str:
    values = resolved(candidate)
    for key in change:
        for condition in unmet(key, values):
            return f"the change has no effect: '{key}' acts only where {condition.words}"
    return "the change has no effect: the recipe trains as the champion does"


#: Fields that act through the model's rounded sizes alone, or through what follows from them.
SIZES = {"model.width_ratio", "model.depth_ratio", "model.mlp_ratio", "transfer"}


def _check_realised(candidate: Recipe, view: View) -> None:
    """Sizes are rounded, and limits need not be reached: runs may come out the same, and show no difference."""
    changes = difference(view.champion, candidate)
    if changes and set(changes) <= set(SELECTING) and _content(candidate, view) == _content(view.champion, view):
        raise UserError("the change changes nothing: it selects the same texts of the corpus as the champion does")
    for scale in view.config.ladder[:2]:
        shape = shape_at(candidate, scale, view.vocab)
        if changes and set(changes) <= SIZES and shape == shape_at(view.champion, scale, view.vocab):
            raise UserError(f"the change changes nothing at scale '{scale.name}': the model is the same there")
        if changes and _mixed_alike(candidate, view.champion, scale, view):
            raise UserError(f"the change changes nothing at scale '{scale.name}': the mixture is the same there")


def _same(one: Recipe, other: Recipe, view: View) -> bool:
    """Whether two recipes are the same, or mix alike by different words at both deciding scales."""
    return one.hash == other.hash or all(_mixed_alike(one, other, scale, view) for scale in view.config.ladder[:2])


def _mixed_alike(one: Recipe, other: Recipe, scale: Scale, view: View) -> bool:
    """Whether recipes differ in what says how domains are mixed alone, and draw from them alike at a scale."""
    reweighted = one.data.reweight or other.data.reweight
    if reweighted or not view.domain_tokens or not all(of_mixing(key) for key in difference(one, other)):
        return False
    tokens = shape_at(one, scale, view.vocab).tokens
    return _alike(*(parts_of(recipe.data, view.domain_tokens, tokens) for recipe in (one, other)))


def _check_selection(candidate: Recipe, view: View) -> None:
    known = view.selections.get(candidate.data.selection())
    if known is None:
        return
    if known.refusal:
        raise UserError(known.refusal)
    assert known.cost is not None
    for scale in view.config.ladder:
        check_left(known.cost.tokens, tokens_of(candidate, scale, view.vocab, view.external), scale.name)


def _content(recipe: Recipe, view: View) -> str:
    """Hash of the texts that a recipe selects, or something of its own where that is not known yet."""
    selection = recipe.data.selection()
    if not selection:
        return ""
    known = view.selections.get(selection)
    return known.cost.content if known and known.cost else selection


#: Weights that differ by less are the same: proposals write them in thousandths.
SAME_WEIGHT = 0.002


def _alike(new: Sequence[Part], old: Sequence[Part]) -> bool:
    """Whether runs draw from the same domains at any time."""
    return all(
        one.share == other.share
        and all(abs(a - b) < SAME_WEIGHT for a, b in zip(_weights(one, other), _weights(other, one), strict=True))
        for one, other in zip(new, old, strict=True)
    )


def _weights(part: Part, other: Part) -> list[float]:
    """Weights of the domains that either part names, adding up to one."""
    total = sum(part.weights.values())
    return [part.weights.get(name, 0.0) / total for name in sorted({*part.weights, *other.weights})]


def _check_limits(candidate: Recipe, view: View) -> None:
    limits = view.config.limits
    for scale in view.config.ladder:
        shape = shape_at(candidate, scale, view.vocab)
        if view.external is not None:
            view.external.plan(candidate, scale, view.vocab)  # at least a step
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
