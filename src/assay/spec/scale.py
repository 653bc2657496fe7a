"""Scales, the ladder, and the concrete shape that a recipe takes at a scale, with exact accounting."""

from pydantic import Field

from assay.spec.base import Frozen
from assay.spec.errors import UserError
from assay.spec.recipe import MOST, Recipe
from assay.spec.registry import load
from assay.spec.transfer import Transfer, transferred


class Scale(Frozen):
    """A model size and a compute budget. Every recipe at a scale trains with the same FLOPs."""

    name: str = Field(min_length=1, description="what people call it; decides nothing")
    width: int = Field(gt=0, le=MOST, description="width of the residual stream before the recipe's width_ratio")
    depth: int = Field(gt=0, le=MOST, description="number of layers before the recipe's depth_ratio")
    flops: float = Field(gt=0, description="training compute of one run, in FLOPs")

    def identity(self) -> dict[str, object]:
        """The name does not decide anything, so two labs that name a scale differently agree."""
        return self.model_dump(mode="json", exclude={"name"})


class Shape(Frozen):
    """A recipe at a scale, in numbers: what the trainer builds and how long it trains."""

    width: int
    depth: int
    heads: int
    kv_heads: int
    head_dim: int
    mlp_hidden: int
    context: int
    batch: int
    vocab: int
    parameters: int = Field(description="all trained numbers, embeddings included")
    flops_per_step: float = Field(description="forward, backward and optimiser")
    steps: int
    transfer: Transfer = Field(default=Transfer(), description="what follows from the size for the recipe's constants")

    @property
    def tokens_per_step(self) -> int:
        return self.context * self.batch

    @property
    def tokens(self) -> int:
        return self.steps * self.tokens_per_step

    @property
    def flops(self) -> float:
        """Compute of the whole run; within one step of the scale's budget."""
        return self.steps * self.flops_per_step

    def memory_mb(self) -> float:
        """Estimated peak memory of training in fp32, in MB, beyond the interpreter and libraries.

        Weights, gradients and two optimiser moments (16 bytes a parameter); activations that autograd keeps and
        the backward pass needs, 24 residual-stream widths and 4 MLP widths a layer and token; logits. Attention
        scores are not kept. Measured peaks are 0.7 times this for the default architecture and 1.6 times for
        SwiGLU with RoPE, RMSNorm and QK-norm together.
        """
        tokens = self.tokens_per_step
        layer = tokens * (24 * self.width + 4 * self.mlp_hidden)
        return (16 * self.parameters + 4 * (self.depth * layer + 3 * tokens * self.vocab)) / 1e6


def matrices(recipe: Recipe, width: int, mlp_hidden: int, kv_width: int) -> list[tuple[int, int]]:
    """Shapes (out, in) of the linear maps of one layer.

    Query, key and value, and SwiGLU's gate and value, count apart although the model stores them stacked:
    an optimiser of matrices (Muon) treats each by itself.
    """
    attention = [(width, width), (kv_width, width), (kv_width, width), (width, width)]
    ups = 2 if recipe.model.mlp == "swiglu" else 1
    return [*attention, *ups * [(mlp_hidden, width)], (width, mlp_hidden)]


def shape_at(recipe: Recipe, scale: Scale, vocab: int) -> Shape:
    """The concrete model and number of steps of a recipe at a scale.

    Matrix multiplications count 2 FLOPs a weight and token forward and twice that backward (Kaplan et al.
    2020, section 2.1); attention scores and their use count 4·width·context a token forward, the causal mask
    not discounted (as PyTorch's counter does); the optimiser's own matrix products are added, because at small
    batches Muon's are not small. Element-wise work is left out.

    Raises:
        UserError: the model cannot be built, or the budget is too small for a single step.
    """
    model, data = recipe.model, recipe.data
    width = round(scale.width * model.width_ratio)
    depth = max(1, round(scale.depth * model.depth_ratio))
    if width % model.head_dim or not width:
        raise UserError(
            f"this recipe cannot be built at scale '{scale.name}': width {width} is not a positive multiple of "
            f"model.head_dim {model.head_dim}, so the heads do not divide it; change model.head_dim or "
            f"model.width_ratio"
        )
    heads = width // model.head_dim
    if heads % model.query_heads_per_kv:
        raise UserError(
            f"this recipe cannot be built at scale '{scale.name}': {heads} query heads cannot share key/value "
            f"heads in groups of {model.query_heads_per_kv}; model.query_heads_per_kv must divide {heads}"
        )
    if model.position == "rope" and model.head_dim % 2:
        raise UserError(f"this recipe cannot be built: RoPE needs an even model.head_dim, not {model.head_dim}")
    kv_heads = heads // model.query_heads_per_kv
    mlp_hidden = max(1, round(width * model.mlp_ratio))
    layer = matrices(recipe, width, mlp_hidden, kv_heads * model.head_dim)
    layer_weights = sum(rows * columns for rows, columns in layer)
    biases = sum(rows for rows, _ in layer) if model.bias else 0
    norm = width * (2 if model.bias and model.norm == "layernorm" else 1)
    parameters = (
        depth * (layer_weights + biases + 2 * norm)
        + norm
        + vocab * width * (1 if model.tied_embeddings else 2)
        + (data.context * width if model.position == "learned" else 0)
    )
    forward = 2 * (depth * layer_weights + vocab * width) + depth * 4 * width * data.context
    transfer = transferred(recipe, width, depth, scale.flops / (3.0 * forward))
    batch = round(data.batch * transfer.batch)
    tokens = data.context * batch
    optimiser = load("optimiser_flops", recipe.optimiser.name)
    flops_per_step = 3.0 * forward * tokens + float(depth * sum(optimiser(shape, recipe.optimiser) for shape in layer))
    steps = int(scale.flops // flops_per_step)
    if steps < 1:
        raise UserError(
            f"scale '{scale.name}' allows {scale.flops:.3g} FLOPs, less than the {flops_per_step:.3g} of a single "
            f"step of this recipe; raise the scale's flops or make data.batch smaller"
        )
    return Shape(
        width=width, depth=depth, heads=heads, kv_heads=kv_heads, head_dim=model.head_dim,
        mlp_hidden=mlp_hidden, context=data.context, batch=batch, vocab=vocab,
        parameters=parameters, flops_per_step=flops_per_step, steps=steps, transfer=transfer,
    )  # fmt: skip
