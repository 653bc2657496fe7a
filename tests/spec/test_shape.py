"""Parameters and compute of a recipe at a scale, against published numbers and a calculation by hand."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.spec.errors import UserError
from assay.spec.optimiser_flops import newton_schulz
from assay.spec.recipe import Optimiser, Recipe, changed
from assay.spec.scale import Scale, shape_at

from .strategies import recipes

GPT2 = changed(
    Recipe(), {"model.head_dim": 64, "model.bias": True, "data.context": 1024, "data.batch": 8}, "GPT-2 small"
)
GPT2_SCALE = Scale(name="gpt2", width=768, depth=12, flops=1e18)
GPT2_VOCAB = 50257


def test_parameters_of_gpt2_are_the_published_number() -> None:
    """124,439,808: Hugging Face's `gpt2`, and nanoGPT's `get_num_params(non_embedding=False)`."""
    assert shape_at(GPT2, GPT2_SCALE, GPT2_VOCAB).parameters == 124_439_808


def test_compute_of_gpt2_is_six_times_the_weights_plus_attention() -> None:
    """PaLM's appendix B and nanoGPT's `estimate_mfu`: 6 N + 12 L H Q T a token, with N the matrices' weights."""
    weights = 12 * 12 * 768**2 + 50257 * 768  # attention 4 d², MLP 8 d², in each of 12 layers; the tied output layer
    assert weights == 123_532_032
    by_hand = 6 * weights + 12 * 12 * 768 * 1024
    assert by_hand == 854_438_400
    shape = shape_at(GPT2, GPT2_SCALE, GPT2_VOCAB)
    assert shape.flops_per_step == by_hand * 1024 * 8
    assert shape.steps == 10**18 // (by_hand * 8192)
    assert shape.tokens == shape.steps * 8192


def test_shape_of_gpt2() -> None:
    shape = shape_at(GPT2, GPT2_SCALE, GPT2_VOCAB)
    assert (shape.width, shape.depth, shape.heads, shape.kv_heads, shape.mlp_hidden) == (768, 12, 12, 12, 3072)


def test_parameters_of_a_llama_like_model_by_hand() -> None:
    """TinyLlama-1.1B (width 2048, 22 layers, 32 heads that share 4 key/value heads, SwiGLU of 5632): 1,100,048,384."""
    recipe = changed(
        Recipe(),
        {
            "model.head_dim": 64, "model.query_heads_per_kv": 8, "model.position": "rope", "model.norm": "rmsnorm",
            "model.mlp": "swiglu", "model.mlp_ratio": 2.75, "model.tied_embeddings": False, "data.context": 2048,
        },
    )  # fmt: skip
    shape = shape_at(recipe, Scale(name="tinyllama", width=2048, depth=22, flops=1e20), 32000)
    assert shape.mlp_hidden == 5632
    assert shape.kv_heads == 4
    assert shape.parameters == 1_100_048_384


def test_muon_pays_for_its_orthogonalisation() -> None:
    """Per iteration of Newton and Schulz with short side m, long side n: XXᵀ 2m²n, its square 2m³, times X 2m²n."""
    assert newton_schulz((3, 7), Optimiser()) == newton_schulz((7, 3), Optimiser()) == 5 * (4 * 3 * 3 * 7 + 2 * 3**3)
    scale = Scale(name="s", width=64, depth=2, flops=1e11)
    plain = shape_at(Recipe(), scale, 257)
    muon = shape_at(changed(Recipe(), {"optimiser.name": "muon"}), scale, 257)
    attention, mlp = 5 * (4 * 64**3 + 2 * 64**3), 5 * (4 * 64 * 64 * 256 + 2 * 64**3)
    assert muon.flops_per_step - plain.flops_per_step == 2 * (4 * attention + 2 * mlp)
    assert muon.steps < plain.steps


@given(
    recipes,
    st.fixed_dictionaries(
        {
            "model.width_ratio": st.sampled_from([0.5, 1.0, 1.5]),
            "model.head_dim": st.sampled_from([8, 16, 32]),
            "model.query_heads_per_kv": st.sampled_from([1, 2]),
            "model.depth_ratio": st.floats(0.01, 4.0),
            "model.mlp_ratio": st.floats(0.01, 8.0),
            "data.batch": st.integers(1, 32),
            "data.context": st.integers(1, 512),
        },
        optional={"data.batch_warmup": st.floats(0.0, 0.99), "optimiser.name": st.just("muon")},
    ),
    st.sampled_from([128, 256]),
    st.integers(1, 8),
    st.floats(1e13, 1e15),
)
@settings(max_examples=100, deadline=None)
def test_every_recipe_spends_the_budget_of_its_scale(
    recipe: Recipe, change: dict[str, object], width: int, depth: int, flops: float
) -> None:
    recipe = changed(recipe, change)
    shape = shape_at(recipe, Scale(name="s", width=width, depth=depth, flops=flops), 257)
    assert shape.flops <= flops < shape.flops + shape.flops_per_step * 1.000001
    assert shape.heads * shape.head_dim == shape.width
    assert shape.kv_heads * recipe.model.query_heads_per_kv == shape.heads
    assert shape.parameters > 0
    assert math.isfinite(shape.memory_mb())


@given(st.integers(1, 40), st.floats(0.01, 0.9), st.sampled_from(["adamw", "muon"]), st.floats(1e11, 1e12))
@settings(max_examples=50, deadline=None)
def test_batch_warmup_by_hand(batch: int, warmup: float, optimiser: str, flops: float) -> None:
    """Step by step: batches of a quarter, a half and the whole; their tokens and their compute are what is said."""
    change = {"data.batch": batch, "optimiser.name": optimiser}
    scale = Scale(name="s", width=32, depth=2, flops=flops)
    steady = shape_at(changed(Recipe(), change), scale, 257)
    lone = shape_at(changed(Recipe(), change | {"data.batch": 1}), scale, 257)
    shape = shape_at(changed(Recipe(), change | {"data.batch_warmup": warmup}), scale, 257)
    batches = [shape.phase_at(step).batch for step in range(shape.steps)]
    sizes = [max(1, batch // 4), max(1, batch // 2), batch]
    assert batches == sorted(batches)
    assert set(batches) <= set(sizes)
    assert sum(batches) * shape.context == shape.tokens
    # One sequence's compute, and one update's, from steps of one and of many sequences.
    sequence = (steady.flops_per_step - lone.flops_per_step) / (batch - 1) if batch > 1 else 0.0
    update = lone.flops_per_step - sequence if batch > 1 else lone.flops_per_step
    for steps in (0, 1, shape.steps // 2, shape.steps):
        assert shape.flops_after(steps) == pytest.approx(sum(batches[:steps]) * sequence + steps * update, rel=1e-6)
    assert shape.flops == shape.flops_after(shape.steps) <= flops < shape.flops + shape.flops_per_step * 1.000001
    if batch >= 4:  # else the three sizes are not three
        for size in sizes[:2]:
            read = sum(rows for rows in batches if rows == size)
            assert abs(read - warmup / 2 * sum(batches)) <= batch


@pytest.mark.parametrize(
    ("change", "scale", "expected"),
    [
        ({"model.head_dim": 48}, {}, "width 64 is not a positive multiple of model.head_dim 48"),
        ({"model.width_ratio": 0.001}, {}, "width 0 is not a positive multiple of model.head_dim 32"),
        (
            {"model.query_heads_per_kv": 3},
            {},
            "with model.head_dim 32 a width of 64 has 2 query heads, and model.query_heads_per_kv 3 must divide 2",
        ),
        ({}, {"flops": 10.0}, "scale 's' allows 10 FLOPs, less than the 6.04e+08 of a single step"),
        ({"data.batch": 2**24, "data.context": 2**24}, {}, "make data.batch smaller"),
    ],
)
def test_what_cannot_be_built(change: dict[str, object], scale: dict[str, float], expected: str) -> None:
    with pytest.raises(UserError) as caught:
        shape_at(
            changed(Recipe(), change), Scale(**{"name": "s", "width": 64, "depth": 2, "flops": 1e11, **scale}), 257
        )  # type: ignore[arg-type]
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
