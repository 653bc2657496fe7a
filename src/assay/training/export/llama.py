"""Recipes that Hugging Face's Llama computes, and its kin: RoPE (or none), RMSNorm, SwiGLU, grouped-query attention.

Qwen3 is Llama with norms on queries and keys, SmolLM3 with layers that have no positions; both may have windows. Arcee
is Llama with an MLP without a gate, Apertus that with norms on queries and keys, Nemotron that with LayerNorm. Gains
that they have and a recipe has not are ones.
"""

from typing import Any

import torch

from assay.spec.layers import has_rotary, has_window
from assay.spec.recipe import Model
from assay.spec.scale import Shape
from assay.training.export.family import NOWHERE, Family, Weights, folded, off, one_of
from assay.training.model.norm import EPSILON


def llama_config(shape: Shape, model: Model) -> dict[str, Any]:
    return {
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": shape.vocab,
        "hidden_size": shape.width, "intermediate_size": shape.mlp_hidden, "num_hidden_layers": shape.depth,
        "num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads, "head_dim": shape.head_dim,
        "hidden_act": "silu", "max_position_embeddings": shape.context, "rms_norm_eps": EPSILON,
        "rope_theta": model.rope_base, "rope_parameters": {"rope_type": "default", "rope_theta": model.rope_base},
        "attention_bias": model.bias, "mlp_bias": model.bias, "attention_dropout": 0.0,
        "tie_word_embeddings": model.tied_embeddings,
    }  # fmt: skip


def _windows(shape: Shape, model: Model) -> dict[str, Any]:
    kinds = {True: "sliding_attention", False: "full_attention"}
    return {
        "use_sliding_window": model.window > 0,
        "sliding_window": model.window or None,
        "layer_types": [kinds[has_window(model, shape.depth, layer)] for layer in range(shape.depth)],
    }


def qwen3_config(shape: Shape, model: Model) -> dict[str, Any]:
    return (
        llama_config(shape, model)
        | {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"]}
        | _windows(shape, model)
    )


def smollm3_config(shape: Shape, model: Model) -> dict[str, Any]:
    rotary = [int(has_rotary(model, layer)) for layer in range(shape.depth)]
    return (
        llama_config(shape, model)
        | {"model_type": "smollm3", "architectures": ["SmolLM3ForCausalLM"], "no_rope_layers": rotary}
        | _windows(shape, model)
    )


def _ungated(shape: Shape, model: Model, name: str) -> dict[str, Any]:
    named = {"model_type": name.lower(), "architectures": [f"{name}ForCausalLM"], "hidden_act": model.mlp}
    return llama_config(shape, model) | named


def arcee_config(shape: Shape, model: Model) -> dict[str, Any]:
    return _ungated(shape, model, "Arcee")


def apertus_config(shape: Shape, model: Model) -> dict[str, Any]:
    return _ungated(shape, model, "Apertus")


def nemotron_config(shape: Shape, model: Model) -> dict[str, Any]:
    """Rotates half of each head unless told otherwise."""
    whole = {"rope_type": "default", "rope_theta": model.rope_base, "partial_rotary_factor": 1.0}
    return _ungated(shape, model, "Nemotron") | {
        "norm_eps": EPSILON, "partial_rotary_factor": 1.0, "rope_parameters": whole
    }  # fmt: skip


NORMS = {"attention_norm": "input_layernorm", "mlp_norm": "post_attention_layernorm"}


def weights(own: Weights, shape: Shape, model: Model, norms: dict[str, str] = NORMS) -> Weights:
    """Stacked maps come apart; pairs of RoPE are (i, i + D/2) on both sides, so that rows keep their order."""
    ones = torch.ones(shape.width)
    own = folded(own, shape, {"final_norm.weight": own.get("final_norm.weight", ones)})
    found = {"model.embed_tokens.weight": own["embedding.weight"], "model.norm.weight": own["final_norm.weight"]}
    kv_width = shape.kv_heads * shape.head_dim
    gate = ["mlp.gate_proj"] if model.mlp == "swiglu" else []
    stacked = {
        "attention.qkv": {"self_attn.q_proj": shape.width, "self_attn.k_proj": kv_width, "self_attn.v_proj": kv_width},
        "attention.out": {"self_attn.o_proj": shape.width},
        "mlp.up": dict.fromkeys([*gate, "mlp.up_proj"], shape.mlp_hidden),
        "mlp.down": {"mlp.down_proj": shape.width},
    }
    for layer in range(shape.depth):
        here, there = f"layers.{layer}", f"model.layers.{layer}"
        for name, other in norms.items():
            found[f"{there}.{other}.weight"] = own.get(f"{here}.{name}.weight", ones)
        for name, rows in stacked.items():
            for part in ("weight", "bias") if model.bias else ("weight",):
                pieces = own[f"{here}.{name}.{part}"].split(list(rows.values()))
                found |= {f"{there}.{other}.{part}": piece for other, piece in zip(rows, pieces, strict=True)}
        if model.qk_norm:
            for name in ("q_norm", "k_norm"):
                found[f"{there}.self_attn.{name}.weight"] = torch.ones(shape.head_dim)
    if not model.tied_embeddings:
        found["lm_head.weight"] = own["head.weight"]
    return found


def apertus_weights(own: Weights, shape: Shape, model: Model) -> Weights:
    names = {"attention_norm": "attention_layernorm", "mlp_norm": "feedforward_layernorm"}
    return weights(own, shape, model, names)


def nemotron_weights(own: Weights, shape: Shape, model: Model) -> Weights:
    """Its LayerNorm adds 1 to the gain, and always has a bias."""
    found, zeros = weights(own, shape, model), torch.zeros(shape.width)
    places = {"model.norm": own.get("final_norm.bias", zeros) * shape.transfer.logits} | {
        f"model.layers.{layer}.{other}": own.get(f"layers.{layer}.{name}.bias", zeros)
        for layer in range(shape.depth)
        for name, other in NORMS.items()
    }
    for place, bias in places.items():
        found |= {f"{place}.weight": found[f"{place}.weight"] - 1, f"{place}.bias": bias}
    return found


_HERE = (one_of("norm", "rmsnorm", "rmsnorm_plain"), *NOWHERE)
_ROPE = (one_of("position", "rope"), off("nope_every"))
_GATED, _UNGATED = one_of("mlp", "swiglu"), one_of("mlp", "gelu", "relu2")

LLAMA = Family("Llama", (*_ROPE, off("qk_norm"), off("window"), _GATED, *_HERE), llama_config, weights)
QWEN3 = Family("Qwen3", (*_ROPE, one_of("qk_norm", True), off("bias"), _GATED, *_HERE), qwen3_config, weights)
SMOLLM3 = Family(
    "SmolLM3", (one_of("position", "rope", "none"), off("qk_norm"), _GATED, *_HERE), smollm3_config, weights
)  # fmt: skip
ARCEE = Family("Arcee", (*_ROPE, off("qk_norm"), off("window"), _UNGATED, *_HERE), arcee_config, weights)
APERTUS = Family(
    "Apertus", (*_ROPE, one_of("qk_norm", True), off("window"), off("bias"), _UNGATED, *_HERE),
    apertus_config, apertus_weights,
)  # fmt: skip
NEMOTRON = Family(
    "Nemotron", (*_ROPE, off("qk_norm"), off("window"), _UNGATED, one_of("norm", "layernorm"), *NOWHERE),
    nemotron_config, nemotron_weights,
)  # fmt: skip
