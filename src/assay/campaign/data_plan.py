"""What choosing text would cost, before anything is chosen: estimates for `assay plan`."""

from typing import Any

from assay.campaign.history import Campaign, epochs_of
from assay.campaign.lab import QUALITY, Lab
from assay.spec.errors import UserError
from assay.spec.recipe import SELECTING, Change, Recipe, changed
from assay.spec.search import Range


def data_ahead(lab: Lab, campaign: Campaign) -> dict[str, Any]:
    """Seconds of one core for the text that the champion and queued proposals select, and for each value of [search].

    All of it is an estimate, and spent once for each selection; `basis` says on what it rests: the text is there
    already, this corpus' own steps, or steps elsewhere. Where the text is known, so is how often runs will read it.
    """
    champion = campaign.recipes[campaign.decider.champion]
    champions = _ahead(lab, campaign, champion) if champion.data.selection() else None
    queued: list[dict[str, Any]] = []
    for letter in lab.store.letters():
        if letter.kind == "propose":
            found = _changed(lab, campaign, champion, letter.body["change"])
            queued += [{"id": f"q{letter.id}", **found}] if found else []
    options: list[dict[str, Any]] = []
    for key in (*SELECTING, "data.mixture_rule"):
        allowed = lab.config.search.get(key, ())
        for value in () if isinstance(allowed, Range) else allowed:
            found = _changed(lab, campaign, champion, {key: value})
            options += [found] if found else []
    sure = ([champions] if champions else []) + queued
    return {
        "champion": champions,
        "queued": queued,
        "options": options,
        "seconds_queued": sum(each["seconds"] for each in sure),
        "seconds_if_all": sum(each["seconds"] for each in (*sure, *options)),
    }


def _changed(lab: Lab, campaign: Campaign, champion: Recipe, change: Change) -> dict[str, Any] | None:
    """What a change would cost in data work; None where it touches no text, or cannot be made."""
    try:
        candidate = changed(champion, change)
        selects = candidate.data.selection() != champion.data.selection()
        mixes = candidate.data.mixes() and candidate.data != champion.data
        return {"change": change, **_ahead(lab, campaign, candidate)} if selects or mixes else None
    except UserError:
        return None  # refused when it is proposed, with the reason


def _ahead(lab: Lab, campaign: Campaign, recipe: Recipe) -> dict[str, Any]:
    """Seconds to make what a recipe selects, on what they rest, and how often runs read it, where that is known."""
    from assay.corpus.views.estimate import Estimate, estimate  # heavy, and few labs have such proposals queued
    from assay.corpus.views.selection import steps_of

    selection = recipe.data.selection()
    tokens: dict[str, int] | None = lab.corpus().train_tokens()
    found = Estimate(0.0, "made")
    if selection:
        known = campaign.selections.get(selection)
        tokens = known.cost.tokens if known and known.cost else None
        found = estimate(lab.corpus_dir, steps_of(recipe.data, lab.folder / QUALITY))
    epochs = epochs_of(recipe, tokens, lab.config.ladder, campaign.vocab) if tokens else None
    return {"selection": selection, "seconds": found.seconds, "basis": found.basis, "epochs": epochs}
