import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from assay.spec.errors import UserError
from assay.spec.recipe import Recipe, changed
from assay.spec.registry import load
from assay.spec.scale import Scale, Shape, matrices, shape_at
from assay.training.kernels.heads import rotate
from assay.training.model import GPT
from assay.training.model.attention import Attention, Pass
from assay.training.model.masks import masks
from assay.training.model.rotary import rotation
from tests.training.tiny import recipe

SMALL = Scale(name="s", width=32, depth=2, flops=1e12)

ARCHITECTURES = st.fixed_dictionaries(
    {
        "model.position": st.sampled_from(["learned", "rope", "none"]),
        "model.nope_every": st.sampled_from([0, 2]),
        "model.norm": st.sampled_from(["layernorm", "rmsnorm", "rmsnorm_plain"]),
        "model.norm_place": st.sampled_from(["pre", "post", "output", "sandwich"]),
        "model.qk_norm": st.booleans(),
        "model.window": st.sampled_from([0, 0, 5]),
        "model.full_every": st.sampled_from([1, 2, 3]),
        "model.value_embeddings": st.booleans(),
        "model.value_residual": st.booleans(),
        "model.x0_residual": st.booleans(),
        "model.logit_softcap": st.sampled_from([0.0, 15.0]),
        "model.mlp": st.sampled_from(["gelu", "relu2", "swiglu"]),
        "model.mlp_ratio": st.sampled_from([2.75, 4.0]),
        "model.bias": st.booleans(),
        "model.tied_embeddings": st.booleans(),
        "model.head_dim": st.sampled_from([8, 16]),
        "model.query_heads_per_kv": st.sampled_from([1, 2]),
        "model.depth_ratio": st.sampled_from([0.5, 1.0, 2.0]),
        "model.experts": st.sampled_from([0, 0, 3, 4]),
        "model.experts_per_token": st.sampled_from([1, 2, 3]),
        "model.shared_expert": st.booleans(),
    }
).map(lambda change: change | ({"model.bias": False} if change["model.experts"] else {}))


def build(change: dict[str, Any] | None = None, seed: int = 0) -> tuple[GPT, Shape]:
    chosen = recipe(change)
    shape = shape_at(chosen, SMALL, 257)
    return GPT(shape, chosen.model, seed), shape


NOTHING = torch.empty(0)


def mean_loss(model: GPT, tokens: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy in nats a token."""
    return F.cross_entropy(model(tokens).flatten(0, 1), targets.flatten())


@given(ARCHITECTURES)
@settings(max_examples=60, deadline=None)
def test_every_architecture_has_the_parameters_and_flops_that_its_shape_says(change: dict[str, Any]) -> None:
    """Against PyTorch's counters, less what is multiplied and then masked where a layer has a window."""
    model, shape = build(change)
    assert sum(p.numel() for p in model.parameters()) == shape.parameters
    tokens = torch.randint(257, (shape.batch, shape.context))
    with FlopCounterMode(display=False) as counter, torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        mean_loss(model, tokens, tokens).backward()
    mask = masks(tokens, None, change["model.window"]).window
    seen = shape.context if mask is None else int(mask.sum(-1).max())
    windowed = sum(layer.attention.windowed for layer in model.layers)  # pyright: ignore
    masked = windowed * (shape.context - seen) * 3 * 4 * shape.width * shape.tokens_per_step
    assert counter.get_total_flops() - masked == shape.flops_per_step


@given(ARCHITECTURES)
@settings(max_examples=20, deadline=None)
def test_parameter_groups_hold_every_parameter_once_and_where_it_belongs(change: dict[str, Any]) -> None:
    model, shape = build(change)
    groups = model.parameter_groups()
    held = [id(parameter) for group in groups.values() for parameter in group]
    assert sorted(held) == sorted(id(parameter) for parameter in model.parameters())
    assert [id(p) for p in groups["hidden"]] == [id(matrix.weight) for matrix in model.hidden_matrices()]
    assert all(sum(rows) == len(weight) for weight, rows in model.hidden_matrices())
    kv_width = shape.kv_heads * shape.head_dim
    tables = {(257, shape.width), (shape.context, shape.width), (257, kv_width)}
    assert {tuple(p.shape) for p in groups["embedding"]} <= tables
    assert [tuple(p.shape) for p in groups["head"]] == ([] if change["model.tied_embeddings"] else [(257, shape.width)])
    assert all(p.ndim == 1 for p in groups["vectors"])
    per_layer = len(matrices(recipe(change), shape.width, shape.mlp_hidden, kv_width))
    assert sum(len(matrix.rows) for matrix in model.hidden_matrices()) == shape.depth * per_layer


@pytest.mark.parametrize(("bias", "parameters"), [(True, 124_439_808), (False, 124_439_808 - 12 * 11 * 768 - 768)])
def test_gpt2_small_has_its_published_size(bias: bool, parameters: int) -> None:
    """124,439,808 is the published GPT-2; its biases are 9 widths of linear layers and 2 of norms a layer, and 1."""
    gpt2 = changed(Recipe(), {"model.head_dim": 64, "model.bias": bias, "data.context": 1024, "data.batch": 1})
    shape = shape_at(gpt2, Scale(name="gpt2", width=768, depth=12, flops=1e15), 50_257)
    with torch.device("meta"):
        model = GPT(shape, gpt2.model)
    assert sum(p.numel() for p in model.parameters()) == shape.parameters == parameters


@pytest.mark.parametrize("more", [{}, {"model.experts": 3, "model.shared_expert": True}], ids=["dense", "experts"])
def test_muon_is_charged_for_its_own_products(more: dict[str, Any]) -> None:
    change = {"optimiser.name": "muon", "model.mlp": "swiglu", "model.query_heads_per_kv": 2, **more}
    model, shape = build(change)
    optimisers = load("optimiser", "muon")(model, recipe(change).optimiser)
    tokens = torch.randint(257, (shape.batch, shape.context))
    with FlopCounterMode(display=False) as counter, torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        mean_loss(model, tokens, tokens).backward()
        for optimiser in optimisers:
            optimiser.step()
    assert counter.get_total_flops() == shape.flops_per_step
    assert shape.flops_per_step > shape_at(recipe(change | {"optimiser.name": "adamw"}), SMALL, 257).flops_per_step


@given(ARCHITECTURES)
@settings(max_examples=15, deadline=None)
def test_no_prediction_depends_on_later_tokens(change: dict[str, Any]) -> None:
    model, shape = build(change)
    tokens = torch.randint(257, (2, shape.context), generator=torch.Generator().manual_seed(0))
    altered = tokens.clone()
    altered[:, 9:] = (altered[:, 9:] + 1) % 257
    with torch.no_grad():
        before, after = model(tokens), model(altered)
    # Not to the last bit with experts, whose products have as many rows as tokens come to them.
    assert torch.allclose(before[:, :9], after[:, :9], atol=1e-6 if change["model.experts"] else 0.0, rtol=0.0)
    assert not torch.equal(before[:, 9:], after[:, 9:])


@given(ARCHITECTURES)
@settings(max_examples=15, deadline=None)
def test_a_new_model_guesses_almost_uniformly(change: dict[str, Any]) -> None:
    model, shape = build(change)
    tokens = torch.randint(257, (16, shape.context), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert mean_loss(model, tokens, tokens.roll(1, 0)).item() == pytest.approx(math.log(257), abs=0.05)


def test_initial_weights_have_their_deviations_and_agree_between_recipes_with_one_seed() -> None:
    wide = Scale(name="w", width=128, depth=4, flops=1e12)
    models = [
        GPT(shape_at(chosen, wide, 257), chosen.model, seed=3)
        for chosen in (recipe(), recipe({"model.position": "rope"}))
    ]
    plain, rope = (dict(model.named_parameters()) for model in models)
    assert plain["layers.1.attention.qkv.weight"].std().item() == pytest.approx(0.02, rel=0.05)
    assert plain["layers.1.mlp.down.weight"].std().item() == pytest.approx(0.02 / math.sqrt(8), rel=0.05)
    assert set(plain) - set(rope) == {"positions"}
    assert all(torch.equal(plain[name], rope[name]) for name in rope)
    other = GPT(shape_at(recipe(), wide, 257), recipe().model, seed=4)
    assert not torch.equal(other.embedding.weight, models[0].embedding.weight)
    assert not torch.equal(plain["layers.0.mlp.up.weight"], plain["layers.1.mlp.up.weight"])


def test_rope_makes_scores_depend_on_relative_position_only() -> None:
    generator = torch.Generator().manual_seed(0)
    q, k = (torch.randn(16, generator=generator).expand(1, 1, 40, 16) for _ in range(2))
    cos, sin = rotation(40, 16, 10_000.0)
    q, k = rotate(q, cos, sin), rotate(k, cos, sin)
    scores = (q @ k.mT)[0, 0]
    for distance in (0, 1, 7):
        diagonal = scores.diagonal(-distance)
        assert torch.allclose(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-4)
    assert abs(scores[0, 0] - scores[7, 0]) > 1e-3
    # The definition, in complex numbers: pair i at position t is multiplied by exp(i·t·base^(-2i/D)).
    x = torch.randn(1, 1, 40, 16, generator=generator)
    angles = torch.arange(40)[:, None] * 10_000.0 ** (-torch.arange(8) / 8)[None]
    turned = torch.complex(x[..., :8], x[..., 8:]) * torch.polar(torch.ones_like(angles), angles)
    assert torch.allclose(rotate(x, cos, sin), torch.cat((turned.real, turned.imag), -1), atol=1e-4)


def test_grouped_attention_is_full_attention_with_repeated_keys_and_values() -> None:
    full, shape = build({"model.head_dim": 8})
    grouped, grouped_shape = build({"model.head_dim": 8, "model.query_heads_per_kv": 2})
    few, many = grouped.layers[0].attention, full.layers[0].attention  # pyright: ignore
    assert isinstance(few, Attention)
    assert isinstance(many, Attention)
    assert (shape.kv_heads, grouped_shape.kv_heads) == (4, 2)
    q, k, v = few.qkv.weight.split((32, 16, 16))
    repeat = [w.view(2, 8, 32).repeat_interleave(2, 0).reshape(32, 32) for w in (k, v)]
    with torch.no_grad():
        many.qkv.weight.copy_(torch.cat((q, *repeat)))
        many.out.weight.copy_(few.out.weight)
        x = torch.randn(2, 16, 32)
        assert torch.allclose(few(x, Pass(NOTHING, NOTHING)), many(x, Pass(NOTHING, NOTHING)), atol=1e-6)


def test_attention_is_the_textbook_formula() -> None:
    model, shape = build({"model.qk_norm": True})
    attention = model.layers[0].attention  # pyright: ignore
    assert isinstance(attention, Attention)
    x = torch.randn(2, shape.context, shape.width)
    with torch.no_grad():
        q, k, v = (part.view(2, 16, 4, 8) for part in (x @ attention.qkv.weight.T).split(32, -1))
        q, k = (part / (part.square().mean(-1, keepdim=True) + 1e-5).sqrt() for part in (q, k))
        scores = torch.einsum("bthd,bshd->bhts", q, k) / math.sqrt(8)
        scores = scores.masked_fill(torch.ones(16, 16).triu(1).bool(), -math.inf)
        y = torch.einsum("bhts,bshd->bthd", scores.softmax(-1), v).reshape(2, 16, 32)
        assert torch.allclose(attention(x, Pass(NOTHING, NOTHING)), y @ attention.out.weight.T, atol=1e-5)


@pytest.mark.parametrize("mlp", ["gelu", "relu2", "swiglu"])
def test_mlps_are_their_formulas(mlp: str) -> None:
    model, shape = build({"model.mlp": mlp})
    part = model.layers[0].mlp  # pyright: ignore
    x = torch.randn(3, shape.width)
    with torch.no_grad():
        h = x @ part.up.weight.T  # pyright: ignore
        if mlp == "gelu":
            h = h * 0.5 * (1 + torch.erf(h / math.sqrt(2)))
        elif mlp == "relu2":
            h = h.clamp(min=0) ** 2
        else:
            gate, value = h[:, : shape.mlp_hidden], h[:, shape.mlp_hidden :]
            h = gate * torch.sigmoid(gate) * value
        assert torch.allclose(part(x), h @ part.down.weight.T, atol=1e-6)  # pyright: ignore


def test_a_width_that_heads_do_not_divide_is_explained() -> None:
    with pytest.raises(UserError, match=r"model\.head_dim"):
        build({"model.head_dim": 24})
