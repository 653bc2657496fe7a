"""How large the weights are and how far a step moves them, from an even sample of their entries.

Norms of all weights before and after each step cost a few passes over them, several per cent of a small model's step.
A sample of some 8,192 entries a group, each n-th run of 16 in every tensor (a line of a processor cache), costs half
a per cent of it, and less of a larger one. Its root mean square is within about 2% of the group's (standard error
1/√(2·8,192) = 0.8% for independent entries). Of embeddings only
some rows move, and their updates are within about 5%. Groups no larger than the sample are measured whole.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

ENTRIES = 8_192  # of a group that are looked at
LINE = 16  # entries side by side


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
            views = [_every(parameter, math.ceil(total / ENTRIES)) for parameter in parameters]
            self._views += views
            sizes.append(sum(view.numel() for view in views))
            scales.append(math.sqrt(total / max(1, sizes[-1])))
        like = self._views[0]
        self._scales = torch.tensor(scales, device=like.device)
        self._now, self._before = (_Sample(self._views, sizes) for _ in range(2))
        self._update = torch.empty_like(self._now.all)
        self._updates = self._update.split(sizes)
        self._now.look(self._views)

    @torch.no_grad()
    def step(self) -> Moved:
        """Look again, after a step."""
        self._now, self._before = self._before, self._now
        self._now.look(self._views)
        torch.sub(self._now.all, self._before.all, out=self._update)
        norms = torch.stack(torch._foreach_norm([*self._now.groups, *self._updates]))  # pyright: ignore[reportPrivateImportUsage]
        weights, moved = norms.chunk(2)
        return Moved(weights * self._scales, moved * self._scales)


class _Sample:
    """Room for one look: `all` of it, cut by groups, and cut by tensors."""

    def __init__(self, views: Sequence[Tensor], sizes: Sequence[int]) -> None:
        self.all = torch.empty(sum(sizes), dtype=views[0].dtype, device=views[0].device)
        self.groups = self.all.split(list(sizes))
        pieces = self.all.split([view.numel() for view in views])
        self._places = [piece.view(view.shape) for piece, view in zip(pieces, views, strict=True)]

    @torch.no_grad()
    def look(self, views: list[Tensor]) -> None:
        torch._foreach_copy_(self._places, views)  # pyright: ignore[reportPrivateImportUsage]


def _every(parameter: Tensor, step: int) -> Tensor:
    """Each `step`-th line, or the next step that visits all columns of a matrix in turn. All, of what is small."""
    lines = parameter.numel() // LINE
    if step == 1 or lines < step:
        return parameter.detach().view(-1)
    across = max(1, parameter.shape[-1] // LINE)
    while math.gcd(step, across) > 1:
        step += 1
    return parameter.detach().view(-1)[: lines * LINE].view(lines, LINE)[::step]
