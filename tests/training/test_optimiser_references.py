"""Every optimiser against its restatement, each on a trajectory of its own: on a quadratic and on a tiny net."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from assay.spec.recipe import Optimiser
from assay.spec.registry import load, names
from assay.training.model import GPT, HiddenMatrix
from assay.training.optimisers.muon import Muon
from assay.training.optimisers.soap import Soap, eigenbasis, refined
from tests.training import optimiser_references as reference
from tests.training.test_model import build

#: A warm-up of three steps, then flat.
FACTORS = [0.25, 0.5, 0.75, *[1.0] * 9]
GROUPS = {"embedding": {"lr_ratio": 2.0, "decay_ratio": 0.5, "beta2": 0.9}, "head": {"lr_ratio": 0.5, "beta1": 0.8},
          "vectors": {"lr_ratio": 3.0, "decay_ratio": 0.25, "eps": 1e-6}}  # fmt: skip
COMMON: dict[str, Any] = {
    "lr": 3e-3,
    "beta2": 0.95,
    "weight_decay": 0.3,
    "muon_lr": 0.03,
    "soap_lr": 4e-3,
    "soap_every": 3,
}
CAUTIOUS = pytest.mark.parametrize("cautious", [False, True])

Step = Callable[..., Any]


def constants(settings: Optimiser, group: str, factor: float) -> dict[str, Any]:
    """What Adam-like references want to know of a group."""
    own = getattr(settings, group, None)
    values = {"lr": settings.lr * factor, "betas": (settings.beta1, settings.beta2), "eps": settings.eps}
    decay = settings.weight_decay
    if own is not None:
        values["lr"] *= own.lr_ratio
        decay *= own.decay_ratio
        values["betas"] = (settings.beta1 if own.beta1 is None else own.beta1,
                           settings.beta2 if own.beta2 is None else own.beta2)  # fmt: skip
        values["eps"] = settings.eps if own.eps is None else own.eps
    return {**values, "decay": decay, "cautious": settings.cautious_decay}


def hidden(settings: Optimiser, factor: float) -> Step:
    """The restated step of a hidden matrix."""
    cautious, decay = settings.cautious_decay, settings.weight_decay
    if settings.name == "muon":
        lr = settings.muon_lr * factor
        return partial(reference.muon, lr=lr, momentum=settings.muon_momentum, decay=decay, cautious=cautious)
    values = constants(settings, "hidden", factor)
    if settings.name == "soap":
        values |= {"lr": settings.soap_lr * factor, "covariance_beta": settings.soap_beta, "every": settings.soap_every}
        return partial(reference.soap, **values)
    return partial(reference.schedule_free if settings.name == "schedule_free" else reference.adamw, **values)


def nats(model: GPT, batch: Tensor) -> Tensor:
    return F.cross_entropy(model(batch[0]).flatten(0, 1), batch[1].flatten())


@CAUTIOUS
@pytest.mark.parametrize("name", names("optimiser"))
def test_on_a_tiny_net_with_constants_for_each_group(name: str, cautious: bool) -> None:
    settings = Optimiser.model_validate({"name": name, "cautious_decay": cautious, **COMMON, **GROUPS})
    change = {
        "model.bias": True, "model.tied_embeddings": False, "model.query_heads_per_kv": 2, "model.mlp": "swiglu",
        "model.mlp_ratio": 3.0,
    }  # fmt: skip
    ours = build(change)[0].double()
    theirs = copy.deepcopy(ours)
    optimisers: tuple[torch.optim.Optimizer, ...] = load("optimiser", name)(ours, settings)
    peaks = [(group, group["lr"]) for optimiser in optimisers for group in optimiser.param_groups]
    rest = reference.schedule_free if name == "schedule_free" else reference.adamw
    states: dict[tuple[int, int], dict[str, Any]] = {}
    for t, factor in enumerate(FACTORS, 1):
        batch = torch.randint(257, (2, 4, 16), generator=torch.Generator().manual_seed(t))
        for group, peak in peaks:
            group["lr"] = peak * factor
        ours.zero_grad()
        nats(ours, batch).backward()
        for optimiser in optimisers:
            optimiser.step()

        theirs.zero_grad()
        nats(theirs, batch).backward()
        weights: list[tuple[Tensor, tuple[int, ...], Step]] = []
        for group, parameters in theirs.parameter_groups().items():
            if group != "hidden":
                step = partial(rest, **constants(settings, group, factor))
                weights += [(parameter, (len(parameter),), step) for parameter in parameters]
        weights += [(matrix.weight, matrix.rows, hidden(settings, factor)) for matrix in theirs.hidden_matrices()]
        for at, (weight, rows, step) in enumerate(weights):
            assert weight.grad is not None
            for number, (block, gradient) in enumerate(zip(weight.split(rows), weight.grad.split(rows), strict=True)):
                state = states.setdefault((at, number), {})
                new = step(block.detach().numpy(), gradient.numpy(), state, t)
                block.data.copy_(torch.from_numpy(np.asarray(new)))
    for (key, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-7), key


SLOPES = torch.randn(12, 12, generator=torch.Generator().manual_seed(0)).double()
TARGET = torch.randn(12, 12, generator=torch.Generator().manual_seed(1)).double()


def quadratic(weight: Tensor) -> Tensor:
    """½|(W − target)·slopes|², whose curvature differs between directions by a factor of thousands."""
    return 0.5 * ((weight - TARGET) @ SLOPES).square().sum()


def descend(optimiser: torch.optim.Optimizer, weight: nn.Parameter, steps: int = 40) -> list[float]:
    losses: list[float] = []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = quadratic(weight)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def restated(step: Step, state: dict[str, Any] | None = None, steps: int = 40) -> list[float]:
    weight, state, losses = np.zeros((12, 12)), {} if state is None else state, []
    slopes, target = SLOPES.numpy(), TARGET.numpy()
    for t in range(1, steps + 1):
        losses.append(0.5 * float((((weight - target) @ slopes) ** 2).sum()))
        weight = step(weight, (weight - target) @ slopes @ slopes.T, state, t)
    return losses


def test_muon_and_its_restatement_on_a_quadratic() -> None:
    weight = nn.Parameter(torch.zeros_like(TARGET))
    found = descend(Muon([HiddenMatrix(weight, (12,))], lr=0.05, momentum=0.95, weight_decay=0.1), weight)
    assert found == pytest.approx(restated(partial(reference.muon, lr=0.05, momentum=0.95, decay=0.1)), rel=1e-9)
    assert found[-1] < 0.5 * found[0]


def test_pytorchs_muon_on_a_quadratic() -> None:
    """torch.optim.Muon iterates in bfloat16, so agreement is to some per cent."""
    ours, theirs = (nn.Parameter(torch.zeros(12, 12)) for _ in range(2))
    mine = Muon([HiddenMatrix(ours, (12,))], lr=0.05, momentum=0.95, weight_decay=0.1)
    published = torch.optim.Muon([theirs], lr=0.05, momentum=0.95, weight_decay=0.1)
    assert descend(mine, ours, 20) == pytest.approx(descend(published, theirs, 20), rel=0.03)


@pytest.mark.parametrize("every", [1, 5])
def test_soap_and_its_restatement_on_a_quadratic(every: int) -> None:
    values: dict[str, Any] = {"lr": 0.05, "betas": (0.9, 0.95), "eps": 1e-8, "covariance_beta": 0.95, "every": every}
    weight = nn.Parameter(torch.zeros_like(TARGET))
    soap = Soap([HiddenMatrix(weight, (12,))], weight_decay=0.1, **values)
    found = descend(soap, weight)
    assert found == pytest.approx(restated(partial(reference.soap, decay=0.1, **values)), rel=1e-6)
    assert found[-1] < 0.5 * found[0]


def test_soaps_first_bases_are_eigenvectors_of_its_covariances() -> None:
    weight = nn.Parameter(torch.zeros_like(TARGET))
    values: dict[str, Any] = {"lr": 0.05, "betas": (0.9, 0.95), "eps": 1e-8, "covariance_beta": 0.95, "every": 1}
    soap = Soap([HiddenMatrix(weight, (12,))], weight_decay=0.0, **values)
    descend(soap, weight, 1)
    gradient = ((-TARGET) @ SLOPES @ SLOPES.T).numpy()
    for side, covariance in (("left", gradient @ gradient.T), ("right", gradient.T @ gradient)):
        basis = soap.state[weight][f"0.{side}"].numpy()
        diagonal = basis.T @ covariance @ basis
        np.testing.assert_allclose(basis.T @ basis, np.eye(len(basis)), atol=1e-12)
        # To within the ridge.
        np.testing.assert_allclose(diagonal, np.diag(np.diag(diagonal)), atol=1e-3 * np.diag(diagonal).mean())
    assert torch.equal(weight, torch.zeros_like(weight))  # the first gradient moves nothing


def test_a_gradients_last_bits_do_not_turn_soaps_bases() -> None:
    """Of a tall map, whose covariance has rank 4 of 24, and of one whose gradients have no part in some directions."""
    draw = torch.Generator().manual_seed(3)
    for gradient in (
        torch.randn(24, 4, generator=draw),
        torch.randn(24, 24, generator=draw) * 10.0 ** -torch.arange(24),
    ):
        noise = 1e-7 * gradient.abs().max() * torch.randn(gradient.shape, generator=draw)
        one, other = eigenbasis(gradient), eigenbasis(gradient + noise)
        assert (one * other).sum(0).abs().min() > 1 - 1e-6  # signs are any, and change nothing
        covariance = (gradient + noise) @ (gradient + noise).mT
        one, other = refined(gradient @ gradient.mT, one.float()), refined(covariance, one.float())
        assert (one * other).sum(0).abs().min() > 1 - 1e-4


def of_a_quadratic(name: str, weight: nn.Parameter) -> torch.optim.Optimizer:
    """The optimiser as a model with this one matrix would get it."""

    class Fake:
        def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
            return {"hidden": [weight], "embedding": [], "head": [], "vectors": []}

    (optimiser,) = load("optimiser", name)(Fake(), Optimiser(name=name, lr=0.05, weight_decay=0.1))
    return optimiser


def test_pytorchs_adamw_on_a_quadratic() -> None:
    ours, theirs = (nn.Parameter(torch.zeros_like(TARGET)) for _ in range(2))
    plain = torch.optim.AdamW([theirs], lr=0.05, betas=(0.9, 0.99), weight_decay=0.1, fused=False, foreach=False)
    found = descend(of_a_quadratic("adamw", ours), ours)
    assert found == pytest.approx(descend(plain, theirs), rel=1e-9)
    assert found[-1] < 0.5 * found[0]


def test_schedule_free_and_its_restatement_on_a_quadratic() -> None:
    weight = nn.Parameter(torch.zeros_like(TARGET))
    optimiser = of_a_quadratic("schedule_free", weight)
    found = descend(optimiser, weight)
    state: dict[str, Any] = {}
    step = partial(reference.schedule_free, lr=0.05, betas=(0.9, 0.99), eps=1e-8, decay=0.1)
    assert found == pytest.approx(restated(step, state), rel=1e-6)
    x = optimiser.evaluation_weights()[weight]  # pyright: ignore[reportAttributeAccessIssue]
    np.testing.assert_allclose(x.numpy(), state["x"], rtol=1e-6, atol=1e-6)
    assert not torch.allclose(x, weight, atol=1e-3)
