"""The examples of how to add an optimiser and a schedule, as their packages' docstrings give them."""

import inspect
import re
from types import ModuleType
from typing import Any

import torch

from assay.spec.recipe import Optimiser, Schedule
from assay.training import optimisers, schedules
from tests.training.test_model import build, mean_loss


def example(package: ModuleType) -> dict[str, Any]:
    """What the indented code of a docstring defines."""
    (code,) = re.findall(r"^    # training/.*?(?=^\S)", inspect.getdoc(package) or "", re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(inspect.cleandoc("\n" + code), names)
    return names


def test_the_optimiser_is_gradient_descent_with_momentum() -> None:
    model, _ = build({"model.tied_embeddings": False})
    settings = Optimiser.model_validate({"lr": 0.1, "beta1": 0.5, "head": {"lr_ratio": 2.0}})
    (optimiser,) = example(optimisers)["build"](model, settings)
    assert model.head is not None
    start, momentum = model.head.weight.detach().clone(), torch.zeros_like(model.head.weight)
    expected = start.clone()
    for i in range(3):
        optimiser.zero_grad()
        tokens, targets = torch.randint(257, (2, 4, 16), generator=torch.Generator().manual_seed(i))
        mean_loss(model, tokens, targets).backward()
        assert model.head.weight.grad is not None
        momentum = 0.5 * momentum + model.head.weight.grad
        expected -= 0.2 * momentum
        optimiser.step()
    assert torch.allclose(model.head.weight, expected)
    assert not torch.allclose(start, expected)


def test_the_schedule_decays_exponentially() -> None:
    factor = example(schedules)["factor"]
    schedule = Schedule(warmup=0.1, final=0.01)
    found = [factor(step, 100, schedule) for step in (0, 10, 55)]
    assert torch.allclose(torch.tensor(found), torch.tensor([1 / 11, 1.0, 0.1]))
