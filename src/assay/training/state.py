"""All that a step changes, and so all that a checkpoint holds."""

import base64
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from assay.spec.registry import load
from assay.spec.run import RunOrder
from assay.spec.scale import Shape
from assay.training.average import Average, average_start
from assay.training.checkpoint import AVERAGE, OPTIMISER, SCHEMA, WEIGHTS, Checkpoint
from assay.training.model import GPT
from assay.training.optimisers.evaluation import evaluation_weights
from assay.training.position import Position

Optimisers = tuple[torch.optim.Optimizer, ...]


class TrainingState:
    """A run under way.

    Args:
        order: what is trained.
        shape: its model and length.
        found: the checkpoint to go on from; None: the run begins.

    Raises:
        UserError: the checkpoint is another run's, or of another schema.
    """

    def __init__(self, order: RunOrder, shape: Shape, found: Checkpoint | None) -> None:
        self.run, recipe = order.run, order.run.recipe
        if found:
            found.check_schema()
            found.check_run(order.run)
        self.position = Position(shape, found.state if found else {})
        self.loader: dict[str, Any] | None = found.state["loader"] if found else None
        # Nothing here draws from PyTorch's own generator; what somebody adds may, and is resumed all the same.
        torch.manual_seed(order.run.drawn.init)
        self.model = GPT(shape, recipe.model, order.run.drawn.init)
        self.optimisers: Optimisers = load("optimiser", recipe.optimiser.name)(
            self.model, recipe.optimiser, shape.transfer
        )  # fmt: skip
        self.averaged_from = average_start(shape.steps, recipe.schedule)
        averaged, mean = max(0, self.position.step - self.averaged_from), None
        if found:
            self.model.load_state_dict(found.tensors(WEIGHTS))
            if not self.position.finished:
                restore_optimisers(self.optimisers, found.tensors(OPTIMISER))
                mean = found.tensors(AVERAGE) if averaged else None
                torch.set_rng_state(_bytes_tensor(found.state["rng"]))
        self.average = Average(dict(self.model.state_dict()), averaged if mean else 0, mean)
        self.factor = 0.0
        self._peaks = [(group, group["lr"]) for optimiser in self.optimisers for group in optimiser.param_groups]

    def set_learning_rates(self, factor: float) -> None:
        """Multiply every group's peak learning rate by the schedule's factor."""
        self.factor = factor
        for group, peak in self._peaks:
            group["lr"] = peak * factor

    def gradients(self) -> list[Tensor]:
        """Gradients of all parameters that have one, in the model's order."""
        return [parameter.grad for parameter in self.model.parameters() if parameter.grad is not None]

    def update(self) -> None:
        """Let the optimisers move the weights, forget the gradients, and take part in the mean of the weights."""
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad()
        self.model.balance_experts()
        if self.position.step >= self.averaged_from:
            self.average.add()

    def finite(self) -> bool:
        """Whether all weights are finite."""
        return all(bool(weight.isfinite().all()) for weight in self.model.parameters())

    def facts(self, metrics_bytes: int) -> dict[str, Any]:
        """Plain data for `state.json`.

        Args:
            metrics_bytes: length of `metrics.jsonl` after the line of the step before.
        """
        return self.position.state() | {
            "schema": SCHEMA,
            "run": self.run.model_dump(mode="json"),
            "loader": self.loader,
            "metrics_bytes": metrics_bytes,
            "rng": base64.b64encode(torch.get_rng_state().numpy().tobytes()).decode(),
        }

    def tensors(self) -> dict[str, Mapping[str, Tensor]]:
        """File name → named tensors. A finished run leaves the weights that are evaluated, and nothing else."""
        if self.position.finished:
            mean = self.average.tensors() if self.average.count else None
            return {WEIGHTS: mean or evaluation_weights(self.model, self.optimisers)}
        files: dict[str, Mapping[str, Tensor]] = {
            WEIGHTS: self.model.state_dict(), OPTIMISER: optimiser_tensors(self.optimisers)
        }  # fmt: skip
        if self.average.count:
            files[AVERAGE] = self.average.tensors()
        return files


def optimiser_tensors(optimisers: Optimisers) -> dict[str, Tensor]:
    """State of the optimisers as named tensors: "optimiser.parameter.key"."""
    return {
        f"{i}.{number}.{key}": tensor
        for i, optimiser in enumerate(optimisers)
        for number, state in optimiser.state_dict()["state"].items()
        for key, tensor in state.items()
    }


def restore_optimisers(optimisers: Optimisers, tensors: dict[str, Tensor]) -> None:
    """The inverse of `optimiser_tensors`."""
    states: list[dict[int, dict[str, Tensor]]] = [{} for _ in optimisers]
    for name, tensor in tensors.items():
        i, number, key = name.split(".", 2)
        states[int(i)].setdefault(int(number), {})[key] = tensor
    for optimiser, state in zip(optimisers, states, strict=True):
        optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _bytes_tensor(text: str) -> Tensor:
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8)
