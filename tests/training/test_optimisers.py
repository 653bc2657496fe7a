import math

import pytest
import torch

from assay.spec.recipe import Optimiser
from assay.spec.registry import load
from assay.training.model import GPT, HiddenMatrix
from assay.training.optimisers.muon import COEFFICIENTS, Muon, orthogonalise
from tests.training.test_model import build, mean_loss

BATCHES = [torch.randint(257, (2, 4, 16), generator=torch.Generator().manual_seed(i)) for i in range(5)]


def gradients(model: GPT, batch: torch.Tensor) -> None:
    model.zero_grad()
    mean_loss(model, batch[0], batch[1]).backward()


def test_adamw_follows_the_published_algorithm() -> None:
    """Algorithm 2 of Loshchilov & Hutter 2019, in double precision, with decay for matrices only."""
    settings = Optimiser(lr=3e-3, beta1=0.9, beta2=0.95, eps=1e-8, weight_decay=0.3)
    model, _ = build({"model.bias": True})
    (optimiser,) = load("optimiser", "adamw")(model, settings)
    theta = {name: p.detach().double().clone() for name, p in model.named_parameters()}
    m = {name: torch.zeros_like(p) for name, p in theta.items()}
    v = {name: torch.zeros_like(p) for name, p in theta.items()}
    for t, batch in enumerate(BATCHES, 1):
        gradients(model, batch)
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None
            g = parameter.grad.double()
            m[name] = 0.9 * m[name] + 0.1 * g
            v[name] = 0.95 * v[name] + 0.05 * g * g
            decay = 0.3 if theta[name].ndim >= 2 else 0.0
            step = (m[name] / (1 - 0.9**t)) / ((v[name] / (1 - 0.95**t)).sqrt() + 1e-8)
            theta[name] = theta[name] - 3e-3 * (step + decay * theta[name])
        optimiser.step()
    for name, parameter in model.named_parameters():
        assert torch.allclose(parameter.double(), theta[name], atol=2e-6), name


@pytest.mark.parametrize("shape", [(32, 32), (16, 48), (8, 64)])
def test_newton_schulz_keeps_directions_and_brings_singular_values_near_one(shape: tuple[int, int]) -> None:
    x = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0))
    y = orthogonalise(x)
    u, s, vh = torch.linalg.svd(x, full_matrices=False)
    kept = u.mT @ y @ vh.mT  # diagonal when singular vectors are kept
    diagonal = kept.diagonal(dim1=1, dim2=2)
    assert (kept - torch.diag_embed(diagonal)).abs().max() < 1e-3
    large = s / s.norm(dim=1, keepdim=True) > 0.02  # five iterations lift the very smallest less far
    assert ((diagonal > 0.65) & (diagonal < 1.25))[large].all()


def test_newton_schulz_is_the_quintic_on_singular_values() -> None:
    x = torch.randn(1, 6, 9, generator=torch.Generator().manual_seed(0)).double()
    u, s, vh = torch.linalg.svd(x[0], full_matrices=False)
    s = s / s.norm()
    a, b, c = COEFFICIENTS
    for _ in range(5):
        s = a * s + b * s**3 + c * s**5
    assert torch.allclose(orthogonalise(x)[0], u @ torch.diag(s) @ vh, atol=1e-10)


@pytest.mark.parametrize("size", [(24, 24), (48, 16), (16, 48)])
def test_muon_agrees_with_pytorchs_on_whole_matrices(size: tuple[int, int]) -> None:
    """torch.optim.Muon iterates in bfloat16, so agreement is to about one per cent."""
    start = torch.randn(size, generator=torch.Generator().manual_seed(1))
    ours, theirs = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    mine = Muon([HiddenMatrix(ours, (size[0],))], lr=0.02, momentum=0.95, weight_decay=0.1)
    reference = torch.optim.Muon([theirs], lr=0.02, momentum=0.95, weight_decay=0.1)
    for i in range(4):
        ours.grad = torch.randn(size, generator=torch.Generator().manual_seed(10 + i))
        theirs.grad = ours.grad.clone()
        mine.step()
        reference.step()
    moved = (theirs - start).norm()
    assert (ours - theirs).norm() < 0.02 * moved


def test_muon_treats_queries_keys_and_values_apart() -> None:
    model, shape = build({"model.query_heads_per_kv": 2, "model.mlp": "swiglu"})
    matrices = model.hidden_matrices()
    before = [weight.detach().clone() for weight, _ in matrices]
    gradients(model, BATCHES[0])
    Muon(matrices, lr=1.0, momentum=0.95, weight_decay=0.0).step()
    kv = shape.kv_heads * shape.head_dim
    assert matrices[0].rows == (shape.width, kv, kv)
    assert matrices[2].rows == (shape.mlp_hidden, shape.mlp_hidden)
    for (weight, rows), old in zip(matrices, before, strict=True):
        for block in (weight - old).split(rows):
            singular = torch.linalg.svdvals(block) / math.sqrt(max(1, block.shape[0] / block.shape[1]))
            assert singular.max() < 1.25
            assert singular.median() > 0.65


def test_muon_build_divides_the_parameters_between_muon_and_adamw() -> None:
    model, _ = build({"model.bias": True, "model.tied_embeddings": False})
    optimisers = load("optimiser", "muon")(model, Optimiser(name="muon", lr=1e-3, muon_lr=0.05))
    held = [p for o in optimisers for group in o.param_groups for p in group["params"]]
    assert len(held) == len({id(p) for p in held}) == len(list(model.parameters()))
    names = {id(p): name for name, p in model.named_parameters()}
    by_muon = {names[id(p)] for p in optimisers[1].param_groups[0]["params"]}
    assert by_muon == {name for name, p in model.named_parameters() if name.startswith("layers.") and p.ndim == 2}
    assert [group["lr"] for o in optimisers for group in o.param_groups] == [1e-3, 1e-3, 0.05]
