"""Kernels against plain PyTorch (values, gradients) and against finite differences."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from assay.spec.recipe import Recipe, changed
from assay.spec.scale import Scale, shape_at
from assay.training import kernels
from assay.training.kernels import attention, heads, linear, relu2, rms
from assay.training.model import GPT
from assay.training.model.rotary import rotation

VARIANTS = {
    "gpt2": {},
    "modern": {"model.position": "rope", "model.qk_norm": True, "model.mlp": "relu2", "model.norm": "rmsnorm"},
    "gains": {"model.position": "rope", "model.norm": "rmsnorm_plain", "model.value_residual": True},
    "grouped": {"model.query_heads_per_kv": 2, "model.value_embeddings": True, "model.bias": True},
    "window": {"model.window": 40, "model.qk_norm": True},
}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels at sizes that tests can afford, with several blocks and chunks, and a last block that is shorter."""
    for module in (attention, heads, linear, rms):
        monkeypatch.setattr(module, "WORTH", 0)
    monkeypatch.setattr(attention, "BLOCK", 16)
    monkeypatch.setattr(attention, "CHUNK", 3 * 70 * 70)


def numbers(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return drawn.requires_grad_()


def step(recipe: Recipe, tokens: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Logits, and the gradients of a sum that weighs each of them differently."""
    model = GPT(shape_at(recipe, Scale(name="s", width=64, depth=3, flops=1e12), 50), recipe.model, seed=1)
    logits = model(tokens)
    (logits * torch.linspace(-1, 1, logits.numel()).view_as(logits)).mean().backward()
    return logits.detach(), {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", VARIANTS)
def test_a_model_is_the_same_with_kernels_and_without(name: str) -> None:
    recipe = changed(Recipe(), {"data.context": 70, "data.batch": 4, **VARIANTS[name]})
    tokens = torch.randint(50, (4, 70), generator=torch.Generator().manual_seed(0))
    logits, gradients = step(recipe, tokens)
    again, gradients_again = step(recipe, tokens)
    with kernels.plain():
        expected, expected_gradients = step(recipe, tokens)
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-6)
    for key, gradient in expected_gradients.items():
        torch.testing.assert_close(gradients[key], gradient, rtol=1e-4, atol=1e-7, msg=lambda m, key=key: f"{key}: {m}")
        assert torch.equal(gradients[key], gradients_again[key])
    assert torch.equal(logits, again)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("rotated", [False, True])
@pytest.mark.parametrize("norm", [False, True])
def test_split_heads_has_the_right_gradient(rotated: bool, norm: bool) -> None:
    rope = tuple(table.double() for table in rotation(5, 8, 100.0)) if rotated else None
    assert torch.autograd.gradcheck(lambda x: heads._SplitHeads.apply(x, (3, 2, 2), rope, norm), numbers(2, 5, 56))


@pytest.mark.usefixtures("small")
def test_attention_has_the_right_gradient() -> None:
    arguments = [numbers(2, 2, 21, 4, seed=seed) for seed in range(3)]
    assert torch.autograd.gradcheck(lambda q, k, v: attention._CausalAttention.apply(q, k, v, True), arguments)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (linear._Linear.apply, (numbers(2, 3, 4), numbers(5, 4, seed=1), numbers(5, seed=2))),
        (lambda x, w: rms._RmsNorm.apply(x, w, 1e-5), (numbers(2, 3, 4), numbers(4, seed=1))),
        (lambda x: rms._RmsNorm.apply(x, None, 1e-5), (numbers(2, 3, 4),)),
        (relu2._Relu2.apply, (numbers(6, 4),)),
    ],
    ids=["linear", "rms", "rms without gain", "relu2"],
)
def test_the_gradient_is_right(function: Callable[..., Tensor], arguments: tuple[Tensor, ...]) -> None:
    assert torch.autograd.gradcheck(function, arguments)


def test_attention_survives_scores_that_overflow_an_exponential() -> None:
    q, k, v = (numbers(1, 2, 70, 8, seed=seed, dtype=torch.float32).detach() for seed in range(3))
    found = attention._CausalAttention.apply(200 * q, k, v, False)
    with kernels.plain():
        torch.testing.assert_close(found, attention.attend(200 * q, k, v, None), rtol=0, atol=1e-3)


@pytest.mark.usefixtures("small")
def test_function_transforms_and_counters_see_plain_operations() -> None:
    x, weights = torch.ones(3, 4), torch.ones(2, 5, 4)
    assert kernels.usable(x)
    assert torch.equal(torch.func.vmap(lambda w: linear.linear(x, w))(weights), torch.full((2, 3, 5), 4.0))
    with FlopCounterMode(display=False) as counter:
        linear.linear(x, weights[0])
    assert counter.get_total_flops() == 2 * 3 * 4 * 5
    assert not kernels.usable(x.double())
    assert not kernels.usable(x.to("meta"))
    with torch.autocast("cpu", torch.bfloat16):
        assert not kernels.usable(x)
