"""The objective as a run's devices compute it: in its precision, compiled, and with gradients shared."""

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from assay.spec.hardware import Hardware
from assay.training.devices.device import compilable
from assay.training.devices.team import Team
from assay.training.objective import Objective

if TYPE_CHECKING:
    from assay.training.devices.sharding import Sharding


def forward_pass(objective: Objective, hardware: Hardware, team: Team, sharding: "Sharding | None") -> nn.Module:
    """A module that is called as `objective`, and whose backward pass leaves gradients of the whole team's batch.

    Every process weighs its loss (`Steps.forward`), so that the mean of their gradients is that of the batch.

    Raises:
        UserError: there is no compiler.
    """
    if hardware.compile:
        compilable()
        if sharding is None:
            objective.compile()
        else:  # layer by layer: between them parameters come and go
            for layer in objective.model.layers:
                layer.compile()
    if team.world == 1 or sharding is not None:
        return objective
    # Buffers are the same everywhere: each step they are changed by what all processes have counted.
    device = next(objective.parameters()).device
    return DistributedDataParallel(
        objective, device_ids=[device] if device.type == "cuda" else None, broadcast_buffers=False,
        gradient_as_bucket_view=True,
    )  # fmt: skip


def leave() -> None:
    """Part from the team, if there is one."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
