"""Selecting training text for a campaign: the view is made before anything is trained on it, and its cost is noted."""

import os
from typing import TYPE_CHECKING

from assay.campaign.lab import Lab
from assay.spec.data_cost import Selected
from assay.spec.errors import UserError
from assay.spec.recipe import Recipe

if TYPE_CHECKING:
    from assay.corpus.build import Progress

#: Kind of the ledger's entries.
SELECTED = "selection"


def select(lab: Lab, recipe: Recipe, progress: "Progress | None" = None) -> Selected:
    """Make the view that a recipe selects, unless it is there; what it cost, or why nothing can be trained on it."""
    from assay.corpus.views.view import view_cost  # heavy, and few who look at a lab select text

    begun, selection = _cpu_seconds(), recipe.data.selection()
    try:
        cost, refusal = view_cost(lab.text_dir(recipe, progress)), ""
    except UserError as error:
        cost, refusal = None, str(error)
    seconds = round(_cpu_seconds() - begun, 3)
    return Selected(selection=selection, cost=cost, refusal=refusal, seconds=seconds)


def in_a_line(selected: Selected) -> str:
    """What was selected and what it cost."""
    if selected.cost is None:
        return f"none for {selected.selection}, since {selected.refusal}"
    cost = selected.cost
    share = cost.removed.bytes / max(1, cost.removed.bytes + cost.left.bytes)
    return (
        f"{selected.selection} takes away {cost.removed.documents:,} documents, {100 * share:.1f}% of the bytes, for "
        f"{cost.cpu_seconds:.1f} s of one core"
    )


def _cpu_seconds() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system
