"""Which layers of a model have what. The trainer builds by these, and the accounting counts by them."""

from assay.spec.recipe import Model


def has_rotary(model: Model, layer: int) -> bool:
    """Whether a layer turns queries and keys: all do under RoPE but every `nope_every`-th, counted from the first.

    Source of leaving some out: Yang et al. 2025, "RoPE to NoPE and Back Again"; every fourth in SmolLM3.
    """
    return model.position == "rope" and not (model.nope_every and (layer + 1) % model.nope_every == 0)


def has_window(model: Model, depth: int, layer: int) -> bool:
    """Whether a layer looks back only `window` tokens. The last one, and every `full_every`-th before it, does not.

    Source: Beltagy et al. 2020, "Longformer"; alternation with full layers as in Gemma 2 (2024).
    """
    return model.window > 0 and (depth - 1 - layer) % model.full_every != 0


def has_value_embedding(model: Model, depth: int, layer: int) -> bool:
    """Whether a layer adds a token embedding to its values: every other one, the last included, as in nanochat."""
    return model.value_embeddings and (depth - 1 - layer) % 2 == 0


def has_value_residual(model: Model, layer: int) -> bool:
    """Whether a layer mixes in the first layer's values: all but the first."""
    return model.value_residual and layer > 0


def has_x0_residual(model: Model, layer: int) -> bool:
    """Whether a layer's input mixes in the embedding again: all but the first, whose input it is."""
    return model.x0_residual and layer > 0


def expert_hidden(model: Model, mlp_hidden: int) -> int:
    """Hidden width of one expert: those that a token goes to have the dense MLP's width between them."""
    return max(1, round(mlp_hidden / (model.experts_per_token + model.shared_expert))) if model.experts else 0
