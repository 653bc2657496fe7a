"""What a recipe selects of the training text, and the steps that do it."""

from assay.corpus.steps.clean import Clean
from assay.corpus.steps.step import Step
from assay.spec.cleaning import Cleaning
from assay.spec.errors import UserError
from assay.spec.recipe import Data

#: Filters by what data.filters calls them. Frozen: better ones get another name.
FILTERS: dict[str, tuple[str, ...]] = {
    "gopher": ("gopher_quality", "gopher_repetition"),
    "c4": ("c4",),
    "fineweb": ("fineweb",),
    "all": ("gopher_quality", "gopher_repetition", "c4", "fineweb"),
}


def steps_of(data: Data) -> tuple[Step, ...]:
    """The steps that a recipe asks for, in the order of their use; none: the corpus as it is."""
    steps: list[Step] = []
    if data.filters != "none":
        cleaning = Cleaning(filters=FILTERS[data.filters], learn=data.filter_limit < 1)
        if cleaning.learn:
            cleaning = cleaning.model_copy(update={"most_removed": data.filter_limit})
        steps.append(Clean(cleaning))
    if data.dedup != "exact":
        raise UserError(f"data.dedup = '{data.dedup}': this version drops exact duplicates alone; leave data.dedup out")
    return tuple(steps)
