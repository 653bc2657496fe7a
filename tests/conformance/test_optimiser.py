"""What every optimiser in the registry must do."""

import copy

import pytest
import torch

from assay.spec.recipe import Optimiser
from assay.spec.registry import REGISTRY, load, names
from assay.training.model import GPT
from assay.training.trainer import optimiser_tensors, restore_optimisers
from tests.training.test_model import build, mean_loss

BATCHES = [torch.randint(257, (2, 4, 16), generator=torch.Generator().manual_seed(i)) for i in range(5)]
Optimisers = tuple[torch.optim.Optimizer, ...]

pytestmark = pytest.mark.parametrize("name", names("optimiser"))


def made(name: str) -> tuple[GPT, Optimisers]:
    model, _ = build({"model.bias": True, "model.tied_embeddings": False})
    return model, load("optimiser", name)(model, Optimiser(name=name))


def steps(model: GPT, optimisers: Optimisers, batches: list[torch.Tensor]) -> list[float]:
    losses = []
    for tokens, targets in batches:
        loss = mean_loss(model, tokens, targets)
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
        losses.append(loss.item())
    return losses


def test_it_holds_every_parameter_once_with_a_peak_learning_rate(name: str) -> None:
    model, optimisers = made(name)
    held = [p for optimiser in optimisers for group in optimiser.param_groups for p in group["params"]]
    assert sorted(map(id, held)) == sorted(map(id, model.parameters()))
    assert all(group["lr"] > 0 for optimiser in optimisers for group in optimiser.param_groups)


def test_it_learns_a_batch(name: str) -> None:
    losses = steps(*made(name), BATCHES[:1] * 150)
    assert losses[-1] < 0.7 * losses[0]


def test_at_a_learning_rate_of_zero_nothing_moves(name: str) -> None:
    model, optimisers = made(name)
    before = copy.deepcopy(list(model.parameters()))
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = 0.0
    steps(model, optimisers, BATCHES)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_restored_from_its_tensors_it_goes_on_with_the_same_bits(name: str) -> None:
    model, optimisers = made(name)
    steps(model, optimisers, BATCHES[:3])
    copied = copy.deepcopy(model)
    fresh = load("optimiser", name)(copied, Optimiser(name=name))
    restore_optimisers(fresh, {key: tensor.clone() for key, tensor in optimiser_tensors(optimisers).items()})
    steps(model, optimisers, BATCHES[3:])
    steps(copied, fresh, BATCHES[3:])
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), copied.parameters(), strict=True))


def test_its_matrix_products_are_accounted_for(name: str) -> None:
    assert name in REGISTRY["optimiser_flops"]
