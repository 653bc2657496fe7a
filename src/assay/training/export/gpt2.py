"""Recipes that Hugging Face's GPT-2 computes: learned positions (or none), LayerNorm, an MLP without a gate."""

from typing import Any

import torch

from assay.spec.recipe import Model
from assay.spec.scale import Shape
from assay.training.export.family import NOWHERE, Family, Weights, folded, off, one_of
from assay.training.model.norm import EPSILON


def config(shape: Shape, model: Model) -> dict[str, Any]:
    """GELU is exact here, and "gelu" is its name there; GPT-2's own is the tanh approximation, "gelu_new"."""
    return {
        "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": shape.vocab,
        "n_positions": shape.context, "n_embd": shape.width, "n_layer": shape.depth, "n_head": shape.heads,
        "n_inner": shape.mlp_hidden, "activation_function": model.mlp, "layer_norm_epsilon": EPSILON,
        "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "tie_word_embeddings": model.tied_embeddings,
    }  # fmt: skip


def weights(own: Weights, shape: Shape, model: Model) -> Weights:
    """Matrices are transposed there; biases and positions that the recipe has not are zeros."""
    own = folded(own, shape, {"final_norm.bias": own.get("final_norm.bias", torch.zeros(shape.width))})
    found = {
        "transformer.wte.weight": own["embedding.weight"],
        "transformer.wpe.weight": own.get("positions", torch.zeros(shape.context, shape.width)),
    }
    places = {"attention_norm": "ln_1", "mlp_norm": "ln_2"}
    maps = {
        "attention.qkv": "attn.c_attn",
        "attention.out": "attn.c_proj",
        "mlp.up": "mlp.c_fc",
        "mlp.down": "mlp.c_proj",
    }
    for layer in range(shape.depth):
        here, there = f"layers.{layer}", f"transformer.h.{layer}"
        for name, other in (places | maps).items():
            weight = own[f"{here}.{name}.weight"]
            found[f"{there}.{other}.weight"] = weight.T if name in maps else weight
            found[f"{there}.{other}.bias"] = own.get(f"{here}.{name}.bias", torch.zeros(len(weight)))
    for part in ("weight", "bias"):
        found[f"transformer.ln_f.{part}"] = own[f"final_norm.{part}"]
    if not model.tied_embeddings:
        found["lm_head.weight"] = own["head.weight"]
    return found


GPT2 = Family(
    "GPT-2",
    (
        one_of("position", "learned", "none"), one_of("norm", "layernorm"), one_of("mlp", "gelu", "relu2"),
        one_of("query_heads_per_kv", 1), off("qk_norm"), off("window"), *NOWHERE,
    ),
    config, weights,
)  # fmt: skip
