"""Scales, the ladder, and the concrete shape that a recipe takes at a scale, with exact accounting."""

from pydantic import Field

from assay.spec.base import Frozen
from assay.spec.errors import UserError
from assay.spec.layers import expert_hidden, has_value_embedding, has_value_residual, has_window, has_x0_residual
from assay.spec.phases import Phase, phases
from assay.spec.recipe import MOST, Model, Recipe
from assay.spec.registry import load
from assay.spec.transfer import Transfer, transferred

#: Tokens up to which attention on a CPU may keep its scores for the backward pass (`training.kernels.attention`).
LONGEST_KEPT = 1024


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
    expert_hidden: int = Field(default=0, description="hidden width of one expert; 0: the MLP is dense")
    context: int
    batch: int
    vocab: int
    parameters: int = Field(description="all trained numbers, embeddings included")
    flops_per_step: float = Field(description="forward, backward and optimiser, at the whole batch")
    phases: tuple[Phase, ...] = Field(description="the run's steps; one phase, unless the batch warms up")
    transfer: Transfer = Field(default=Transfer(), description="what follows from the size for the recipe's constants")

    @property
    def steps(self) -> int:
        return sum(phase.steps for phase in self.phases)

    @property
    def tokens_per_step(self) -> int:
        """Of the whole batch."""
        return self.context * self.batch

    @property
    def sequences(self) -> int:
        """Sequences of the whole run."""
        return sum(phase.steps * phase.batch for phase in self.phases)

    @property
    def tokens(self) -> int:
        return self.context * self.sequences

    @property
    def flops(self) -> float:
        """Compute of the whole run; within one step of the scale's budget."""
        return self.flops_after(self.steps)

    def phase_at(self, step: int) -> Phase:
        """What a step, counted from 0, is one of."""
        for phase in self.phases:
            step -= phase.steps
            if step < 0:
                return phase
        return self.phases[-1]

    def flops_after(self, steps: int) -> float:
        """Compute of the first `steps` steps."""
        total = 0.0
        for phase in self.phases:
            done = min(steps, phase.steps)
            total += done * phase.flops
            steps -= done
        return total

    def memory_mb(self) -> float:
        """Estimated peak memory of training in fp32, in MB, beyond the interpreter and libraries.

        Weights, gradients and two optimiser moments (16 bytes a parameter), and a checkpoint's copy of all but the
        gradients while it is written (12); activations that autograd keeps and the backward pass needs, 24
        residual-stream widths and 4 MLP widths a layer and token; logits; attention scores of contexts that are
        short enough for the kernel that keeps them (`training.kernels.attention`). Measured
        peaks were 0.65 to 1.1 times this, over widths, gated MLPs, experts, windows and value embeddings.
        """
        tokens = self.tokens_per_step
        scores = self.heads * (self.context / 2 + 32) if self.context <= LONGEST_KEPT else 0
        layer = tokens * (24 * self.width + 4 * self.mlp_hidden + scores)
        return (28 * self.parameters + 4 * (self.depth * layer + 3 * tokens * self.vocab)) / 1e6


Map = tuple[int, int]  # rows (outputs) and columns (inputs) of a linear map


def _mlp(model: Model, width: int, hidden: int) -> list[Map]:
    return [*(2 if model.mlp == "swiglu" else 1) * [(hidden, width)], (width, hidden)]


def _layer(model: Model, width: int, kv_width: int, mlp_hidden: int, experts: int) -> list[Map]:
    """A layer's linear maps, with `experts` of its experts besides the shared one."""
    attention = [(width, width), (kv_width, width), (kv_width, width), (width, width)]
    if not model.experts:
        return [*attention, *_mlp(model, width, mlp_hidden)]
    expert = _mlp(model, width, expert_hidden(model, mlp_hidden))
    return [*attention, (model.experts, width), *(experts + model.shared_expert) * expert]


def matrices(recipe: Recipe, width: int, mlp_hidden: int, kv_width: int) -> list[Map]:
    """Shapes (out, in) of the linear maps of one layer.

    Query, key and value, SwiGLU's gate and value, and every expert count apart although the model stores them
    stacked: an optimiser of matrices (Muon) treats each by itself.
    """
    return _layer(recipe.model, width, kv_width, mlp_hidden, recipe.model.experts)


def count_parameters(recipe: Recipe, width: int, depth: int, mlp_hidden: int, kv_width: int, vocab: int) -> int:
    """All trained numbers. Experts' routing biases are set by a rule and not trained, so they do not count."""
    model, layers = recipe.model, range(depth)
    maps = matrices(recipe, width, mlp_hidden, kv_width)
    weights = sum(rows * columns for rows, columns in maps)
    biases = sum(rows for rows, _ in maps) if model.bias else 0
    gains = {"layernorm": 2 if model.bias else 1, "rmsnorm": 1, "rmsnorm_plain": 0}[model.norm] * width
    norms = {"pre": 2, "post": 2, "output": 2, "sandwich": 4}[model.norm_place]
    final_norms = 0 if model.norm_place == "post" else 1
    tables = vocab * (1 if model.tied_embeddings else 2) + (recipe.data.context if model.position == "learned" else 0)
    value_tables = sum(has_value_embedding(model, depth, layer) for layer in layers)
    return (
        depth * (weights + biases + norms * gains)
        + final_norms * gains
        + tables * width
        + value_tables * (vocab * kv_width + 1)
        + sum(has_value_residual(model, layer) for layer in layers)
        + 2 * sum(has_x0_residual(model, layer) for layer in layers)
    )


def forward_flops(recipe: Recipe, width: int, depth: int, mlp_hidden: int, kv_width: int, vocab: int) -> int:
    """FLOPs of one token's forward pass, by the rules of `shape_at`."""
    model, context = recipe.model, recipe.data.context
    passed = _layer(model, width, kv_width, mlp_hidden, model.experts_per_token)
    weights = depth * sum(rows * columns for rows, columns in passed) + vocab * width
    keys = sum(min(model.window, context) if has_window(model, depth, i) else context for i in range(depth))
    return 2 * weights + 4 * width * keys


def shape_at(recipe: Recipe, scale: Scale, vocab: int) -> Shape:
    """The concrete model and number of steps of a recipe at a scale.

    Matrix multiplications count 2 FLOPs a weight and token forward and twice that backward (Kaplan et al.
    2020, section 2.1); of a mixture of experts, those that a token goes to count, and the router. Attention scores
    and their use count 4·width·keys a token forward. Keys are the context, the causal mask not discounted (as
    PyTorch's counter does); in a layer with a window they are the window, which is what the result needs, although
    a kernel that merely masks computes more. Document masks are not discounted, since what they save depends on the
    text. The optimiser's own matrix products are added, because at small batches Muon's are not small. Element-wise
    work is left out. Padding, in which packed rows may end, counts as well.

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
            f"this recipe cannot be built at scale '{scale.name}': with model.head_dim {model.head_dim} a width of "
            f"{width} has {heads} query head{'s' if heads > 1 else ''}, and model.query_heads_per_kv "
            f"{model.query_heads_per_kv} must divide {heads}; change one of the two, or model.width_ratio"
        )
    kv_heads = heads // model.query_heads_per_kv
    mlp_hidden = max(1, round(width * model.mlp_ratio))
    kv_width = kv_heads * model.head_dim
    sizes = (width, depth, mlp_hidden, kv_width, vocab)
    parameters = count_parameters(recipe, *sizes)
    forward = forward_flops(recipe, *sizes)
    transfer = transferred(recipe, width, depth, scale.flops / (3.0 * forward))
    batch = round(data.batch * transfer.batch)
    tokens = data.context * batch
    optimiser = load("optimiser_flops", recipe.optimiser.name)
    update = float(
        depth * sum(optimiser(shape, recipe.optimiser) for shape in matrices(recipe, width, mlp_hidden, kv_width))
    )
    flops_per_step = 3.0 * forward * tokens + update
    if flops_per_step > scale.flops:
        raise UserError(
            f"scale '{scale.name}' allows {scale.flops:.3g} FLOPs, less than the {flops_per_step:.3g} of a single "
            f"step of this recipe; raise the scale's flops or make data.batch smaller"
        )
    return Shape(
        width=width, depth=depth, heads=heads, kv_heads=kv_heads, head_dim=model.head_dim,
        mlp_hidden=mlp_hidden, expert_hidden=expert_hidden(model, mlp_hidden), context=data.context,
        batch=batch, vocab=vocab,
        parameters=parameters, flops_per_step=flops_per_step, transfer=transfer,
        phases=phases(scale.flops, data.batch_warmup, batch, data.context, 3.0 * forward, update),
    )  # fmt: skip
