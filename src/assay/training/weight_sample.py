"""How large the weights are and how far a step moves them, from an even sample of their entries.

Norms of all weights before and after each step cost a few passes over them, several per cent of a small model's step.
A sample of up to 16,384 entries a group, each n-th of every tensor, costs about a hundredth of it at any size, and
its root mean square is within about 1% of the group's (standard error 1/√(2·16,384) = 0.6% for independent entries).
Groups no larger than that are measured whole.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

ENTRIES = 16_384  # of a group that are looked at


class Moved(NamedTuple):
    """Two numbers for each group: Euclidean norm of its weights, and of what the last step added to them."""

    weights: Tensor
    update: Tensor


class WeightSample:
    """A sample of the weights of named groups, taken before and after each step.

    Args:
        groups: name → parameters, which keep their storage for good.
    """

    def __init__(self, groups: Mapping[str, Sequence[Tensor]]) -> None:
        self._views: list[Tensor] = []
        sizes: list[int] = []
        scales: list[float] = []
        for parameters in groups.values():
            total = sum(parameter.numel() for parameter in parameters)
            step = math.ceil(total / ENTRIES)
            views = [_every(parameter, step) for parameter in parameters]
            self._views += views
            sizes.append(sum(len(view) for view in views))
            scales.append(math.sqrt(total / sizes[-1]))
        device = self._views[0].device
        self._scales = torch.tensor(scales, device=device)
        buffers = [torch.empty(sum(sizes), device=device, dtype=self._views[0].dtype) for _ in range(3)]
        self._now, self._before, self._update = (buffer.split(sizes) for buffer in buffers)
        self._buffers = buffers
        torch.cat(self._views, out=buffers[0])

    @torch.no_grad()
    def step(self) -> Moved:
        """Look again, after a step."""
        now, before, update = self._buffers = [self._buffers[1], self._buffers[0], self._buffers[2]]
        self._now, self._before = self._before, self._now
        torch.cat(self._views, out=now)
        torch.sub(now, before, out=update)
        norms = torch.stack(torch._foreach_norm([*self._now, *self._update]))  # pyright: ignore[reportPrivateImportUsage]
        weights, moved = norms.chunk(2)
        return Moved(weights * self._scales, moved * self._scales)


def _every(parameter: Tensor, step: int) -> Tensor:
    """Each `step`-th entry, or the next step that visits all columns of a matrix in turn."""
    columns = parameter.shape[-1] if parameter.ndim else 1
    while step > 1 and math.gcd(step, columns) > 1:
        step += 1
    return parameter.detach().view(-1)[::step]
