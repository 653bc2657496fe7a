"""Every option of the architecture: it does something, it learns, and it is what its source says.

A new option gets a line in `OPTIONS`, and a test against something independent.
"""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.spec.recipe import Model, Recipe, changed
from assay.spec.registry import load
from assay.spec.scale import Scale, shape_at
from assay.training.model import GPT
from assay.training.model.attention import Pass
from assay.training.model.layer import Layer
from assay.training.model.masks import masks
from assay.training.model.moe import Experts
from tests.training.test_model import mean_loss

SCALE = Scale(name="s", width=32, depth=3, flops=1e12)
BASE = {"model.head_dim": 8, "data.context": 24, "data.batch": 4, "model.position": "rope"}
OPTIONS: dict[str, dict[str, Any]] = {
    "learned": {"model.position": "learned"},
    "no positions": {"model.position": "none"},
    "nope_every": {"model.nope_every": 2},
    "rope_base": {"model.rope_base": 100.0},
    "rmsnorm": {"model.norm": "rmsnorm"},
    "rmsnorm_plain": {"model.norm": "rmsnorm_plain"},
    "post": {"model.norm_place": "post"},
    "output": {"model.norm_place": "output"},
    "sandwich": {"model.norm_place": "sandwich"},
    "qk_norm": {"model.qk_norm": True},
    "grouped": {"model.query_heads_per_kv": 2},
    "window": {"model.window": 6},
    "window, few full": {"model.window": 6, "model.full_every": 3},
    "value_embeddings": {"model.value_embeddings": True},
    "value_residual": {"model.value_residual": True},
    "x0_residual": {"model.x0_residual": True},
    "logit_softcap": {"model.logit_softcap": 5.0},
    "relu2": {"model.mlp": "relu2"},
    "swiglu": {"model.mlp": "swiglu"},
    "bias": {"model.bias": True},
    "untied": {"model.tied_embeddings": False},
    "experts": {"model.experts": 4},
    "one expert a token": {"model.experts": 4, "model.experts_per_token": 1, "model.mlp": "relu2"},
    "shared expert": {"model.experts": 4, "model.shared_expert": True, "model.mlp": "swiglu"},
    "fan_in": {"model.init": "fan_in"},
    "zero_residual": {"model.init": "zero_residual"},
    "init_ratio": {"model.init_ratio": 2.0},
}
TOKENS = torch.randint(257, (4, 24), generator=torch.Generator().manual_seed(0))
TARGETS = TOKENS.roll(-1, 1)


def made(change: dict[str, Any], seed: int = 0) -> GPT:
    recipe = changed(Recipe(), BASE | change)
    return GPT(shape_at(recipe, SCALE, 257), recipe.model, seed)


def layer_of(model: GPT, number: int) -> Layer:
    layer = model.layers[number]
    assert isinstance(layer, Layer)
    return layer


def stirred(change: dict[str, Any]) -> GPT:
    """A model whose every parameter is random, so that nothing hides behind a 0 or a 1 at the start."""
    model, generator = made(change), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator)
    return model


def test_every_field_of_the_architecture_is_among_the_options() -> None:
    sizes = {"width_ratio", "depth_ratio", "head_dim", "mlp_ratio", "expert_bias_rate"}
    tried = {key.removeprefix("model.") for change in OPTIONS.values() for key in change}
    assert set(Model.model_fields) - sizes == tried


@pytest.mark.parametrize("name", OPTIONS)
def test_it_changes_predictions_or_parameters(name: str) -> None:
    plain, model = made({}), made(OPTIONS[name])
    shapes = [{key: value.shape for key, value in each.named_parameters()} for each in (plain, model)]
    with torch.no_grad():
        assert shapes[0] != shapes[1] or not torch.equal(plain(TOKENS), model(TOKENS))


@pytest.mark.parametrize("name", OPTIONS)
def test_it_learns_a_batch_in_the_same_bits_each_time(name: str) -> None:
    def losses() -> list[float]:
        model = made(OPTIONS[name])
        optimiser = torch.optim.AdamW(model.parameters(), 3e-3)
        found = []
        for _ in range(12):
            loss = mean_loss(model, TOKENS, TARGETS)
            loss.backward()
            assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
            optimiser.step()
            optimiser.zero_grad()
            model.balance_experts()
            found.append(loss.item())
        return found

    first = losses()
    assert first[-1] < first[0] - 0.2
    assert first == losses()


# One document after another in a row, each at its place: what is said of RoPE holds for any relative positions.
MASKED = st.fixed_dictionaries(
    {
        "model.position": st.sampled_from(["rope", "none"]),
        "model.window": st.sampled_from([0, 5]),
        "model.query_heads_per_kv": st.sampled_from([1, 2]),
        "model.value_embeddings": st.booleans(),
        "model.value_residual": st.booleans(),
        "model.x0_residual": st.booleans(),
        "model.norm_place": st.sampled_from(["pre", "post", "output", "sandwich"]),
        "model.experts": st.sampled_from([0, 3]),
    }
)


@given(MASKED, st.lists(st.integers(1, 12), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_masked_documents_are_as_if_alone(change: dict[str, Any], lengths: list[int]) -> None:
    lengths = lengths if sum(lengths) <= 24 else [12, 7, 5]
    model = stirred(change)
    tokens = TOKENS[:1, : sum(lengths)]
    documents = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))[None]
    with torch.no_grad():
        together = model(tokens, documents)
        alone = torch.cat([model(piece) for piece in tokens.split(lengths, 1)], 1)
    assert torch.allclose(together, alone, atol=2e-4, rtol=1e-4)


def test_a_window_hides_exactly_what_is_further_back() -> None:
    """Entry by entry, and through attention against a reference with the mask as minus infinities."""
    mask = masks(TOKENS, None, 6).window
    assert mask is not None
    for t in range(24):
        for s in range(24):
            assert mask[t, s] == (t - 6 < s <= t)
    model = stirred({"model.window": 6, "model.position": "none"})
    attention = layer_of(model, 1).attention
    assert attention.windowed
    x = torch.randn(2, 24, 32, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        q, k, v = ((x @ w.T).view(2, 24, 4, 8) for w in attention.qkv.weight.split(32))
        scores = torch.einsum("bthd,bshd->bhts", q, k) / math.sqrt(8)
        scores += torch.full((24, 24), -math.inf).triu(1) + torch.full((24, 24), -math.inf).tril(-6)
        y = torch.einsum("bhts,bshd->bthd", scores.softmax(-1), v).reshape(2, 24, 32) @ attention.out.weight.T
        assert torch.allclose(attention(x, Pass(TOKENS, x, masks(TOKENS, None, 6))), y, atol=1e-4)


@pytest.mark.parametrize(("every", "windowed"), [(1, []), (2, [1]), (3, [0, 1]), (9, [0, 1])])
def test_full_layers_are_counted_back_from_the_last(every: int, windowed: list[int]) -> None:
    model = made({"model.window": 6, "model.full_every": every})
    assert [i for i in range(3) if layer_of(model, i).attention.windowed] == windowed


def test_layers_without_rotary_positions_are_every_nth() -> None:
    model = made({"model.nope_every": 2, "model.depth_ratio": 5 / 3})
    assert [layer_of(model, i).attention.rotary for i in range(5)] == [True, False, True, False, True]


@pytest.mark.parametrize("place", ["pre", "post", "output", "sandwich"])
def test_norms_stand_where_their_source_has_them(place: str) -> None:
    layer = layer_of(stirred({"model.norm_place": place, "model.position": "none"}), 0)
    x = torch.randn(1, 24, 32, generator=torch.Generator().manual_seed(2))
    now = Pass(TOKENS[:1], x)

    def ln(h: torch.Tensor, gain: Any) -> torch.Tensor:
        return (h - h.mean(-1, keepdim=True)) / (h.var(-1, keepdim=True, correction=0) + 1e-5).sqrt() * gain.weight

    y = x
    with torch.no_grad():
        for block, before, after in (
            (lambda h: layer.attention(h, now), layer.attention_norm, layer.attention_out_norm),
            (layer.mlp, layer.mlp_norm, layer.mlp_out_norm),
        ):
            if place == "pre":
                y = y + block(ln(y, before))
            elif place == "post":
                y = ln(y + block(y), before)
            elif place == "output":
                y = y + ln(block(y), before)
            else:
                y = y + ln(block(ln(y, before)), after)
        assert torch.allclose(layer(x, now), y, atol=1e-4, rtol=1e-4)


def test_values_take_in_the_first_layers_and_the_tokens_own() -> None:
    model = stirred({"model.value_residual": True, "model.value_embeddings": True, "model.position": "none"})
    first, last = layer_of(model, 0).attention, layer_of(model, 2).attention
    x, y = torch.randn(2, 4, 24, 32, generator=torch.Generator().manual_seed(2))
    now = Pass(TOKENS, x)
    assert [layer_of(model, i).attention.value_embedding is not None for i in range(3)] == [True, False, True]
    with torch.no_grad():
        first(x, now)
        got = last(y, now)
        v1 = x @ first.qkv.weight[64:].T
        mix = last.value_residual.mix  # pyright: ignore
        v = (1 - mix) * (y @ last.qkv.weight[64:].T) + mix * v1
        v = v + last.value_embedding.scale * last.value_embedding.embedding.weight[TOKENS]  # pyright: ignore
        q, k = ((y @ w.T).view(4, 24, 4, 8).transpose(1, 2) for w in last.qkv.weight[:64].split(32))
        v = v.view(4, 24, 4, 8).transpose(1, 2)
        expected = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(4, 24, 32)
        assert torch.allclose(got, expected @ last.out.weight.T, atol=1e-4)


def test_x0_begins_by_doing_nothing_and_then_mixes_in_the_embedding() -> None:
    plain, model = made({}), made({"model.x0_residual": True})
    with torch.no_grad():
        assert torch.equal(plain(TOKENS), model(TOKENS))
        layer = layer_of(model, 1)
        assert layer.x0 is not None
        layer.x0.scales.copy_(torch.tensor([0.5, 2.0]))
        x, x0 = torch.randn(2, 1, 24, 32)
        rope = (model.cos_TD, model.sin_TD)
        mixed = layer(x, Pass(TOKENS[:1], x0, rope=rope))  # pyright: ignore
        assert torch.allclose(mixed, layer_of(plain, 1)(0.5 * x + 2.0 * x0, Pass(TOKENS[:1], x0, rope=rope)))  # pyright: ignore
    assert layer_of(model, 0).x0 is None


def test_capped_logits_stay_within_the_limit() -> None:
    plain, model = stirred({}), stirred({"model.logit_softcap": 5.0})
    with torch.no_grad():
        free, capped = plain(TOKENS), model(TOKENS)
    assert free.abs().max() > 6
    assert torch.allclose(capped, 5 * (free / 5).tanh(), atol=1e-5)
    assert capped.abs().max() <= 5


@pytest.mark.parametrize("activation", ["gelu", "relu2", "swiglu"])
@pytest.mark.parametrize("shared", [False, True])
def test_experts_are_the_sum_over_the_chosen_token_by_token(activation: str, shared: bool) -> None:
    change = {"model.experts": 5, "model.experts_per_token": 2, "model.mlp": activation, "model.shared_expert": shared}
    moe = layer_of(stirred(change), 0).mlp
    assert isinstance(moe, Experts)
    moe.bias += torch.tensor([0.5, -0.5, 0.0, 0.2, 0.0])
    act = {
        "gelu": F.gelu,
        "relu2": lambda h: h.clamp(min=0) ** 2,
        "swiglu": lambda h: F.silu(h[: len(h) // 2]) * h[len(h) // 2 :],
    }[activation]
    x = torch.randn(2, 6, 32, generator=torch.Generator().manual_seed(3))
    up, down = moe.up.weight.view(5, -1, 32), moe.down.weight.view(5, 32, -1)
    assert down.shape[2] == round(128 / (2 + shared))
    with torch.no_grad():
        got = moe(x)
        for b in range(2):
            for t in range(6):
                affinity = torch.sigmoid(moe.router.weight @ x[b, t])
                best = sorted(range(5), key=lambda e: -(affinity[e] + moe.bias[e]).item())[:2]
                y = sum(2 * affinity[e] * (down[e] @ act(up[e] @ x[b, t])) for e in best)
                if moe.shared is not None:
                    y = y + moe.shared.down.weight @ act(moe.shared.up.weight @ x[b, t])
                assert torch.allclose(got[b, t], y, atol=1e-4, rtol=1e-4)  # pyright: ignore


def test_the_routing_bias_balances_loads_and_is_kept_with_the_weights() -> None:
    model = made({"model.experts": 4, "model.expert_bias_rate": 0.01, "model.init_ratio": 4.0})
    moe = layer_of(model, 0).mlp
    assert isinstance(moe, Experts)
    shares = []
    for _ in range(150):
        with torch.no_grad():
            model(TOKENS)
        shares.append((moe.load / moe.load.sum()).max().item())
        before, load = moe.bias.clone(), moe.load.clone()
        model.balance_experts()
        assert torch.allclose(moe.bias - before, 0.01 * torch.sign(load.mean() - load))
    assert shares[0] > 0.29
    assert max(shares[-5:]) < 0.27  # a quarter each is even
    assert "layers.0.mlp.bias" in model.state_dict()
    assert "layers.0.mlp.load" not in model.state_dict()
    model.eval()
    model(TOKENS)
    assert moe.load.sum() == 0, "evaluation steers nothing"


def test_experts_without_tokens_stand_still() -> None:
    model = made({"model.experts": 4, "model.experts_per_token": 1})
    moe = layer_of(model, 0).mlp
    assert isinstance(moe, Experts)
    moe.bias += torch.tensor([9.0, 0.0, 0.0, 0.0])
    mean_loss(model, TOKENS, TARGETS).backward()
    assert moe.up.weight.grad is not None
    per_expert = moe.up.weight.grad.view(4, -1).norm(dim=1)
    assert per_expert[0] > 0
    assert (per_expert[1:] == 0).all()


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("ratio", [1.0, 0.5])
def test_fan_in_keeps_variance_and_zero_residual_begins_without_blocks(tied: bool, ratio: float) -> None:
    change = {"model.tied_embeddings": tied, "model.init_ratio": ratio, "model.experts": 8}
    fan = dict(made(change | {"model.init": "fan_in"}).named_parameters())
    for name, inputs in {
        "layers.0.attention.qkv.weight": 32, "layers.1.mlp.up.weight": 32, "layers.1.mlp.down.weight": 64,
        "layers.0.attention.out.weight": 32, "embedding.weight": 32 if tied else 1,
        **({} if tied else {"head.weight": 32}),
    }.items():  # fmt: skip
        assert fan[name].std().item() == pytest.approx(ratio / math.sqrt(inputs), rel=0.1), name
    model = made(change | {"model.init": "zero_residual"})
    with torch.no_grad():
        table = model.embedding.weight
        assert torch.equal(model.hidden(TOKENS), F.layer_norm(table[TOKENS], (32,)))


def test_transfer_scales_logits_blocks_and_hidden_deviations() -> None:
    """What `spec.transfer` says of a model of twice the base width and depth, against the model without a rule."""
    wide = Scale(name="w", width=128, depth=4, flops=1e12)
    pair = []
    for rule in ("constant", "mup"):
        recipe = changed(Recipe(), BASE | {"transfer": rule, "base_width": 64, "base_depth": 2})
        pair.append(GPT(shape_at(recipe, wide, 257), recipe.model))
    plain, mup = pair
    weights = dict(plain.named_parameters())
    for name, weight in mup.named_parameters():
        hidden = weight.ndim == 2 and name.startswith("layers.")
        base = math.sqrt(2) if name.endswith(("out.weight", "down.weight")) else 1.0  # √(2·depth) of the base
        assert torch.allclose(weight, weights[name] * (base / math.sqrt(2) if hidden else 1.0)), name
    mup.load_state_dict(plain.state_dict())
    with torch.no_grad():
        x = plain.hidden(TOKENS)
        assert torch.allclose(mup.logits(x), plain.logits(x) / 2, atol=1e-6)
        now = Pass(TOKENS, x, rope=(plain.cos_TD, plain.sin_TD))  # pyright: ignore
        one, half = (layer_of(model, 0) for model in pair)
        after = x + 0.5 * one.attention(one.attention_norm(x), now)
        assert torch.allclose(half(x, now), after + 0.5 * one.mlp(one.mlp_norm(after)), atol=1e-5)


def test_muon_makes_each_expert_orthogonal_by_itself() -> None:
    model = made({"model.experts": 3, "model.mlp": "swiglu"})
    optimisers = load("optimiser", "muon")(model, Recipe().optimiser)
    moe = layer_of(model, 0).mlp
    assert isinstance(moe, Experts)
    before = moe.up.weight.detach().clone()
    mean_loss(model, TOKENS, TARGETS).backward()
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["weight_decay"] = 0.0
        optimiser.step()
    for update in (moe.up.weight.detach() - before).view(6, -1, 32):
        values = torch.linalg.svdvals(update)
        assert values.max() / values.median() < 2.5
