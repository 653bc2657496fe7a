"""What to change in a recipe that does not fit into memory."""

from assay.spec.recipe import Recipe
from assay.spec.scale import Shape

#: Measured peaks reach this many times `Shape.memory_mb`; what is said to fit is to fit.
MARGIN = 1.6


def what_fits(recipe: Recipe, shape: Shape, have_mb: float) -> str:
    """A sentence: how much memory a training needs, how much there is, and the batch or context that would fit.

    Activations grow with the tokens of a step; weights, gradients and optimiser state do not depend on them.
    """
    need, fixed = shape.memory_mb(), 16e-6 * shape.parameters
    share = (have_mb / MARGIN - fixed) / (need - fixed)  # of the tokens of a step
    told = (
        f"training needs about {need:,.0f} MB, {fixed:,.0f} MB of it for weights, gradients and optimiser, and there "
        f"are {have_mb:,.0f} MB"
    )
    if share >= 1:  # the estimate was too low, or somebody else took the memory meanwhile
        share = 0.5
    batch, context = int(recipe.data.batch * share), int(recipe.data.batch * recipe.data.context * share)
    if batch >= 1:
        return f"{told}; data.batch = {batch} would fit (now {recipe.data.batch})"
    if context >= 1:
        return f"{told}; not even one sequence fits: data.batch = 1 with data.context = {context} would"
    return f"{told}; no batch fits: choose a smaller scale, or lower model.width_ratio or model.depth_ratio"
