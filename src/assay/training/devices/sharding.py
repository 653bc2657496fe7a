"""FSDP2: every process holds a part of each weight, and whole ones only while a layer works.

PyTorch's `fully_shard` (Zhao et al. 2023, "PyTorch FSDP"; FSDP2 in the PyTorch documentation) cuts each weight along
its first dimension, `torch.chunk`-wise. Optimisers are kept ignorant of it: those that work element by element are
given the parts as plain parameters, and those that need whole matrices (`whole_matrices = True`) keep whole copies,
with their state, in every process: for them gradients are gathered before a step and parts cut out after it.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from assay.training.devices.team import Team
from assay.training.objective import Objective


class Sharding:
    """Cuts an objective's model, and the parameters of its optimisers, among a team's processes.

    Args:
        objective: whose model has its weights already.
        optimisers: of that model, without state so far; their parameters are exchanged.
        team: all processes.

    Attributes:
        held: what the optimisers have in place of each parameter, by its name in the model.
    """

    def __init__(self, objective: Objective, optimisers: Iterable[torch.optim.Optimizer], team: Team) -> None:
        model = objective.model
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        mesh = init_device_mesh(next(model.parameters()).device.type, (team.world,))
        for layer in model.layers:
            fully_shard(layer, mesh=mesh)
        self._root = fully_shard(objective, mesh=mesh)
        self._team = team
        self._model = model
        self._sharded: dict[str, DTensor] = {}
        for name, parameter in model.named_parameters():
            assert isinstance(parameter, DTensor)
            self._sharded[name] = parameter
        self._buffers = {name for name in model.state_dict() if name not in self._sharded}
        self.held: dict[str, nn.Parameter] = {}
        self._whole: set[str] = set()
        self._whole_state: list[bool] = []
        for optimiser in optimisers:
            whole = bool(getattr(optimiser, "whole_matrices", False))
            self._whole_state.append(whole)
            for group in optimiser.param_groups:
                for i, parameter in enumerate(group["params"]):
                    name = names[id(parameter)]
                    if whole:
                        self._whole.add(name)
                    else:
                        group["params"][i] = nn.Parameter(self.local(self._sharded[name]))
                    self.held[name] = group["params"][i]

    @staticmethod
    def local(tensor: Tensor) -> Tensor:
        """The part of a tensor that this process has, sharing its memory."""
        return tensor.to_local().detach() if isinstance(tensor, DTensor) else tensor.detach()

    def before_update(self) -> None:
        """Give the optimisers their gradients. All processes together."""
        for name, parameter in self._sharded.items():
            gradient = parameter.grad
            if gradient is not None:
                assert isinstance(gradient, DTensor)
                self.held[name].grad = gradient.full_tensor() if name in self._whole else self.local(gradient)
                parameter.grad = None

    @torch.no_grad()
    def after_update(self) -> None:
        """Cut this process's part out of the whole matrices that were updated."""
        for name in self._whole:
            self.local(self._sharded[name]).copy_(self._part(self.held[name]))

    @contextmanager
    def gathered_between_layers(self) -> Iterator[None]:
        """Within, the model may be called by itself. Layers gather their own weights, but it is the objective's call
        that gathers those outside them.
        """
        self._root.unshard()
        try:
            yield
        finally:
            self._root.reshard()

    def parts(self) -> dict[str, Tensor]:
        """The model's tensors by name, as far as this process has them; they change with every step."""
        return {name: self.local(tensor) for name, tensor in self._model.state_dict().items()}

    def gathered(self, parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Whole tensors from parts that are cut as the model's are, by the same names. All processes together."""
        whole: dict[str, Tensor] = {}
        for name, part in parts.items():
            like = self._sharded.get(name)
            if like is None or part.shape == like.shape:
                whole[name] = part
            else:
                whole[name] = DTensor.from_local(
                    part, like.device_mesh, like.placements, shape=like.shape, stride=like.stride()
                ).full_tensor()
        return whole

    def cut(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """This process's parts of whole tensors that are named as the model's."""
        return {name: each if name in self._buffers else self._part(each) for name, each in tensors.items()}

    def cut_state(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """This process's parts of an optimiser state's whole tensors, named "optimiser.parameter.key"."""
        return {name: each if self._shared(name, each) else self._part(each) for name, each in tensors.items()}

    def own(self, parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What this process has to save of the model's parts: what all have is saved by the first one."""
        return {name: each for name, each in parts.items() if self._team.rank == 0 or name not in self._buffers}

    def own_state(self, parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What this process has to save of an optimiser state."""
        return {name: each for name, each in parts.items() if self._team.rank == 0 or not self._shared(name, each)}

    def _shared(self, name: str, tensor: Tensor) -> bool:
        return self._whole_state[int(name.partition(".")[0])] or tensor.ndim == 0

    def _part(self, whole: Tensor) -> Tensor:
        parts = whole.chunk(self._team.world)
        return parts[self._team.rank] if self._team.rank < len(parts) else whole[:0]
