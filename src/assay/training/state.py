"""All that a step changes, and so all that a checkpoint holds."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from assay.spec.hardware import Hardware
from assay.spec.registry import load
from assay.spec.run import RunOrder
from assay.spec.scale import Shape
from assay.training.average import Average, average_start
from assay.training.checkpoint import AVERAGE, OPTIMISER, SCHEMA, WEIGHTS, Checkpoint
from assay.training.devices import device
from assay.training.devices.forward import forward_pass
from assay.training.devices.team import ALONE, Team
from assay.training.model import GPT
from assay.training.model.moe import Experts
from assay.training.objective import Objective
from assay.training.optimisers.evaluation import evaluation_weights
from assay.training.position import Position

if TYPE_CHECKING:
    from assay.training.devices.sharding import Sharding

Optimisers = tuple[torch.optim.Optimizer, ...]


class TrainingState:
    """A run under way.

    Args:
        order: what is trained.
        shape: its model and length.
        found: the checkpoint to go on from; None: the run begins.
        team: the processes that share the run.

    Attributes:
        forward: `objective.Objective`, as the run's devices compute it.
        sharding: how the weights are cut among processes; None where each has all of them.

    Raises:
        UserError: the checkpoint is another run's, or of another schema; or there is no such device.
    """

    def __init__(self, order: RunOrder, shape: Shape, found: Checkpoint | None, team: Team = ALONE) -> None:
        self.run, recipe, self.team = order.run, order.run.recipe, team
        self.device = device.find(order.hardware, team.local_rank)
        if found:
            found.check_schema()
            found.check_run(order.run)
        self.position = Position(shape, found.state if found else {}, self.device, order.hardware.precision)
        self.loader: dict[str, Any] | None = found.state["loader"] if found else None
        # Nothing here draws from PyTorch's own generator; what somebody adds may, and is resumed all the same.
        torch.manual_seed(order.run.drawn.init)
        self.model = GPT(shape, recipe.model, order.run.drawn.init)
        if found:
            self.model.load_state_dict(found.tensors(WEIGHTS))
        self.model.to(self.device)
        self.optimisers: Optimisers = load("optimiser", recipe.optimiser.name)(
            self.model, recipe.optimiser, shape.transfer
        )  # fmt: skip
        objective = Objective(self.model, recipe, order.hardware)
        self.sharding = _sharding(objective, self.optimisers, order.hardware, team)
        self.averaged_from = average_start(shape.steps, recipe.schedule)
        averaged, mean = max(0, self.position.step - self.averaged_from), None
        if found and not self.position.finished:
            state = found.tensors(OPTIMISER)
            restore_optimisers(self.optimisers, self.sharding.cut_state(state) if self.sharding else state)
            mean = self._placed(found.tensors(AVERAGE)) if averaged else None
            torch.set_rng_state(_bytes_tensor(found.state["rng"]))
        self.average = Average(self._weights(), averaged if mean else 0, mean)
        self.forward = forward_pass(objective, order.hardware, team, self.sharding)
        self.factor = 0.0
        self._peaks = [(group, group["lr"]) for optimiser in self.optimisers for group in optimiser.param_groups]

    def set_learning_rates(self, factor: float) -> None:
        """Multiply every group's peak learning rate by the schedule's factor."""
        self.factor = factor
        for group, peak in self._peaks:
            group["lr"] = peak * factor

    def gradients(self) -> list[Tensor]:
        """Gradients of all parameters that have one, in the model's order; of cut ones, this process's part."""
        gradients = [parameter.grad for parameter in self.model.parameters() if parameter.grad is not None]
        return [self.sharding.local(gradient) for gradient in gradients] if self.sharding else gradients

    @contextmanager
    def callable_model(self) -> Iterator[GPT]:
        """The model, for a call that is not `forward`. All processes together."""
        with self.sharding.gathered_between_layers() if self.sharding else nullcontext():
            yield self.model

    def local(self, parameters: Sequence[Tensor]) -> list[Tensor]:
        """Parameters as far as this process has them, sharing their memory."""
        return [self.sharding.local(each) if self.sharding else each for each in parameters]

    def whole_norms(self, norms: Tensor) -> Tensor:
        """Norms of tensors from those of the parts that this process has."""
        return self.team.add_up(norms.square()).sqrt() if self.sharding else norms

    def update(self) -> None:
        """Let the optimisers move the weights, forget the gradients, and take part in the mean of the weights."""
        if self.sharding:
            self.sharding.before_update()
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad()
        if self.sharding:
            self.sharding.after_update()
        for module in self.model.modules() if self.team.world > 1 else ():
            if isinstance(module, Experts):
                self.team.add_up(module.load)
        self.model.balance_experts()
        if self.position.step >= self.averaged_from:
            self.average.add()

    def finite(self) -> bool:
        """Whether all weights are finite."""
        finite = all(bool(weight.isfinite().all()) for weight in self._weights().values())
        return not self.team.any(not finite)

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
            weights = mean or evaluation_weights(self._weights(), self._held(), self.optimisers)
            return {WEIGHTS: self.sharding.gathered(weights) if self.sharding else weights}
        weights, state, mean = self._weights(), optimiser_tensors(self.optimisers), self.average.tensors()
        if self.sharding:
            weights, mean = self.sharding.own(weights), self.sharding.own(mean)
            state = self.sharding.own_state(state)
        files: dict[str, Mapping[str, Tensor]] = {WEIGHTS: weights, OPTIMISER: state}
        if self.average.count:
            files[AVERAGE] = mean
        return files

    def constants(self, parameter: Tensor) -> dict[str, Any]:
        """The optimiser's group (lr, …) of a parameter of the model."""
        [name] = [name for name, each in self.model.named_parameters() if each is parameter]
        held = self._held()[name]
        groups = (group for optimiser in self.optimisers for group in optimiser.param_groups)
        return next(group for group in groups if any(each is held for each in group["params"]))

    def _weights(self) -> dict[str, Tensor]:
        """The model's tensors by name, sharing its memory; of cut ones, this process's part."""
        return self.sharding.parts() if self.sharding else dict(self.model.state_dict())

    def _held(self) -> dict[str, nn.Parameter]:
        """What the optimisers hold in place of each parameter."""
        return self.sharding.held if self.sharding else dict(self.model.named_parameters())

    def _placed(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Tensors named as the model's from a checkpoint, where and as the model's are."""
        tensors = self.sharding.cut(tensors) if self.sharding else tensors
        return {name: each.to(self.device) for name, each in tensors.items()}


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


def _sharding(objective: Objective, optimisers: Optimisers, hardware: Hardware, team: Team) -> "Sharding | None":
    if team.world == 1 or hardware.parallel == "ddp":
        return None
    from assay.training.devices.sharding import Sharding  # imports half of torch.distributed

    return Sharding(objective, optimisers, team)


def _bytes_tensor(text: str) -> Tensor:
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8)
