"""How constants follow the scale, so that a recipe that was tuned small is near its best when it is larger.

`mup` is the maximal update parametrisation (Yang et al. 2022, "Tensor Programs V", table 8) with its extension to
depth (Dey et al. 2025, "Don't be lazy: CompleteP enables compute-efficient deep transformers", table 1, α = 1). With
width and depth as multiples w and d of the recipe's base sizes:

| what | times | why |
|---|---|---|
| deviation of hidden matrices at the start | 1/√w | activations keep their size (`fan_in` has this already) |
| Adam's learning rate on hidden matrices | 1/w | each update changes activations by as much |
| weight decay of those | w | learning rate × decay, which sets the weights' memory, stays (Wang & Aitchison 2024) |
| logits | 1/w | the head's sum over the width is coherent once it has learnt |
| what a block adds to the residual stream | 1/d | all blocks together change it by as much |

Embeddings, gains and biases keep their constants. Attention needs no rule, since heads keep their width and grow in
number. Muon's update has a spectral norm that does not depend on the width, so its learning rate needs none either
(Bernstein & Newhouse 2024, "Old optimizer, new norm").

With `base_tokens` the batch follows the length of the run as its square root (the critical batch size grows as tokens
to the power 0.47: Zhang et al. 2024, "How Does Critical Batch Size Scale in Pre-training?"); every learning rate
follows the root of the batch (Malladi et al. 2022, "On the SDEs and Scaling Rules for Adaptive Gradient Algorithms"),
and weight decay is set so that the weights remember the same fraction of the run (Wang & Aitchison 2024, "How to set
AdamW's weight decay as you scale model and dataset size").
"""

import math

from pydantic import Field

from assay.spec.base import Frozen
from assay.spec.recipe import Recipe


class Transfer(Frozen):
    """Sizes as multiples of the recipe's base sizes, and what follows from them. All are 1 without a rule."""

    width: float = Field(default=1.0, description="width, times base_width")
    depth: float = Field(default=1.0, description="layers, times base_depth")
    batch: float = Field(default=1.0, description="batch, times what the recipe says")
    steps: float = Field(default=1.0, description="steps, times those of a run of base_tokens")

    @property
    def lr(self) -> float:
        """Times every learning rate."""
        return math.sqrt(self.batch)

    @property
    def matrix_lr(self) -> float:
        """Times the learning rate of hidden matrices too, where the optimiser is Adam-like."""
        return 1 / self.width

    @property
    def decay(self) -> float:
        """Times every weight decay."""
        return 1 / (self.lr * self.steps)

    @property
    def matrix_decay(self) -> float:
        """Times the weight decay of hidden matrices too, where the optimiser is Adam-like."""
        return self.width

    @property
    def deviation(self) -> float:
        """Times the deviation from which hidden matrices are drawn, unless it depends on the width already."""
        return 1 / math.sqrt(self.width)

    @property
    def logits(self) -> float:
        """Times the logits."""
        return 1 / self.width

    @property
    def branch(self) -> float:
        """Times what a block adds to the residual stream."""
        return 1 / self.depth


#: A model of the base size.
UNCHANGED = Transfer()


def transferred(recipe: Recipe, width: int, depth: int, tokens: float) -> Transfer:
    """What the recipe's rule makes of a model's width and depth and a run's length in tokens."""
    if recipe.transfer == "constant":
        return UNCHANGED
    longer = tokens / recipe.base_tokens if recipe.base_tokens else 1.0
    batch = max(1, round(recipe.data.batch * math.sqrt(longer))) / recipe.data.batch
    return Transfer(width=width / recipe.base_width, depth=depth / recipe.base_depth, batch=batch, steps=longer / batch)
