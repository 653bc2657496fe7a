"""The processes that train one run together, and what they tell each other besides gradients."""

import os
from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


class Team:
    """This process among those of its run. Alone, it agrees with itself at no cost.

    Every method has to be called by all processes, in the same order. `local_rank` counts those of one machine.
    """

    def __init__(self, rank: int = 0, world: int = 1) -> None:
        self.rank, self.world = rank, world
        self.local_rank = int(os.environ.get("LOCAL_RANK", "0")) if world > 1 else 0
        # Checkpoints are written by a thread, whose messages must not mix with those of the training.
        self._writers = dist.new_group(backend="gloo") if world > 1 else None

    @classmethod
    def here(cls) -> "Team":
        """The processes that `worker` has joined; alone where there was none."""
        return cls(dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else cls()

    def sum(self, numbers: Sequence[float]) -> list[float]:
        """Numbers of all processes added up, one by one."""
        if self.world == 1:
            return list(numbers)
        total = torch.tensor(numbers, dtype=torch.float64)
        dist.all_reduce(total)
        return total.tolist()

    def any(self, flag: bool) -> bool:
        """Whether the flag is up in one process at least."""
        return flag if self.world == 1 else self.sum([float(flag)])[0] > 0

    def add_up(self, tensor: Tensor) -> Tensor:
        """A tensor, to which those of the other processes are added in place."""
        if self.world > 1:
            dist.all_reduce(tensor)
        return tensor

    def gather_for_writing(self, told: Any) -> list[Any]:
        """What each process tells, in order of rank; for the threads that write checkpoints."""
        if self.world == 1:
            return [told]
        every: list[Any] = [None] * self.world
        dist.all_gather_object(every, told, group=self._writers)
        return every


ALONE = Team()
