"""What every optimiser in the registry must do."""

import copy
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from assay.spec.recipe import Optimiser
from assay.spec.registry import load, names
from assay.spec.transfer import Transfer
from assay.training.model import GPT
from assay.training.optimisers.evaluation import evaluation_weights
from assay.training.state import optimiser_tensors, restore_optimisers
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
    saved = optimiser_tensors(optimisers)
    assert all(tensor.is_contiguous() for tensor in saved.values())  # as files have them; products round as memory lies
    restore_optimisers(fresh, {key: tensor.clone() for key, tensor in saved.items()})
    steps(model, optimisers, BATCHES[3:])
    steps(copied, fresh, BATCHES[3:])
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), copied.parameters(), strict=True))


def test_its_matrix_products_are_accounted_for(name: str) -> None:
    """PyTorch's counter over a whole cycle of its steps; that knows no QR, which `eigenbases` says the cost of."""

    def qr(matrix: torch.Size, *_: Any, **__: Any) -> int:
        return round(8 / 3 * matrix[-1] ** 3)

    settings = Optimiser(name=name, soap_every=3)
    model, _ = build({"model.mlp": "swiglu", "model.query_heads_per_kv": 2})
    optimisers = load("optimiser", name)(model, settings)
    steps(model, optimisers, BATCHES[:1])
    total = 0
    for batch in BATCHES[:3]:
        steps(model, (), [batch])
        with FlopCounterMode(display=False, custom_mapping={torch.ops.aten.linalg_qr: qr}) as counter:
            for optimiser in optimisers:
                optimiser.step()
        total += counter.get_total_flops()
    flops = load("optimiser_flops", name)
    expected = sum(flops((r, weight.shape[1]), settings) for weight, rows in model.hidden_matrices() for r in rows)
    assert total / 3 == pytest.approx(expected, rel=1e-6)


def test_the_weights_to_be_judged_are_the_models_unless_it_says_otherwise(name: str) -> None:
    model, optimisers = made(name)
    before = evaluation_weights(model.state_dict(), dict(model.named_parameters()), optimisers)
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())
    steps(model, optimisers, BATCHES)
    judged = evaluation_weights(model.state_dict(), dict(model.named_parameters()), optimisers)
    assert judged.keys() == model.state_dict().keys()
    own = any(hasattr(optimiser, "evaluation_weights") for optimiser in optimisers)
    for key, parameter in model.named_parameters():
        assert torch.equal(judged[key], parameter) is not own, key


def test_each_group_has_its_constants(name: str) -> None:
    """At learning rates of zero for embedding, head and vectors, only the hidden matrices move, and the other way."""
    groups = ("embedding", "head", "vectors")
    change = {"model.bias": True, "model.tied_embeddings": False}
    for still in groups:
        model, _ = build(change)
        optimisers = load("optimiser", name)(model, Optimiser.model_validate({"name": name, still: {"lr_ratio": 0.0}}))
        before = copy.deepcopy(model).parameter_groups()
        steps(model, optimisers, BATCHES[:2])
        for group, parameters in model.parameter_groups().items():
            for old, new in zip(before[group], parameters, strict=True):
                assert torch.equal(old, new) is (group == still)


def test_it_follows_the_size_of_the_model(name: str) -> None:
    """With muP the learning rate of matrices falls with the width; only Muon's, whose updates do not grow, stays."""
    model, _ = build({"model.tied_embeddings": False})
    settings = Optimiser(name=name, soap_lr=1e-3)
    optimisers = load("optimiser", name)(model, settings, Transfer(width=4.0))
    peaks = {
        id(p): group["lr"] for optimiser in optimisers for group in optimiser.param_groups for p in group["params"]
    }
    for group, parameters in model.parameter_groups().items():
        expected = 1e-3
        if group == "hidden":
            expected = settings.muon_lr if name == "muon" else 1e-3 / 4
        assert {peaks[id(p)] for p in parameters} == {expected}
