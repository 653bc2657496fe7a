"""How large the weights are and how far a step moves them, from an even sample of their entries.

Norms of all weights before and after each step cost a few passes over them, several per cent of a small model's step.
A sample of some 4,096 entries a group, each n-th run of 16 in every tensor (a line of a processor cache), costs half
a per cent of it, and less of a larger one. Its root mean square is within about 3% of the group's (standard error
1/√(2·4,096) = 1.1% for independent entries). Of embeddings only some rows move, and their updates are within about 8%.
Groups no larger than the sample are measured whole.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

ENTRIES = 4_096  # of a group that are looked at
LINE = 16  # entries side by side
STEPS = 16  # that are measured together, at most


class Moved(NamedTuple):
    """For each step and each group: Euclidean norm of its weights, and of what the step added to them, both (K, G)."""

    weights: Tensor
    update: Tensor


class WeightSample:
    """A sample of the weights of named groups, taken after each step and measured some steps at a time.

    Args:
        groups: name → parameters, which keep their storage for good.
    """

    def __init__(self, groups: Mapping[str, Sequence[Tensor]]) -> None:
        self._views: list[Tensor] = []
        self._sizes: list[int] = []
        scales: list[float] = []
        for parameters in groups.values():
            total = sum(parameter.numel() for parameter in parameters)
            views = [_every(parameter, math.ceil(total / ENTRIES)) for parameter in parameters]
            self._views += views
            self._sizes.append(sum(view.numel() for view in views))
            scales.append(math.sqrt(total / max(1, self._sizes[-1])))
        like = self._views[0]
        self._scales = torch.tensor(scales, device=like.device)
        self._samples = torch.empty(STEPS + 1, sum(self._sizes), dtype=like.dtype, device=like.device)
        counts = [view.numel() for view in self._views]
        self._places = [
            [piece.view(view.shape) for piece, view in zip(sample.split(counts), self._views, strict=True)]
            for sample in self._samples
        ]
        self._count = -1
        self.look()

    @torch.no_grad()
    def look(self) -> None:
        """Take the sample, after a step."""
        self._count += 1
        torch._foreach_copy_(self._places[self._count], self._views)  # pyright: ignore[reportPrivateImportUsage]

    @torch.no_grad()
    def read(self) -> Moved:
        """Measure the steps since the last call, at most `STEPS`."""
        before, after = self._samples[: self._count], self._samples[1 : self._count + 1]
        weights, update = (self._norms(samples) for samples in (after, after - before))
        self._samples[0].copy_(self._samples[self._count])
        self._count = 0
        return Moved(weights, update)

    def _norms(self, samples: Tensor) -> Tensor:
        groups = samples.split(self._sizes, dim=1)
        return torch.stack([torch.linalg.vector_norm(group, dim=1) for group in groups], dim=1) * self._scales


def _every(parameter: Tensor, step: int) -> Tensor:
    """Each `step`-th line, or the next step that visits all columns of a matrix in turn. All, of what is small."""
    lines = parameter.numel() // LINE
    if step == 1 or lines < step:
        return parameter.detach().view(-1)
    across = max(1, parameter.shape[-1] // LINE)
    while math.gcd(step, across) > 1:
        step += 1
    return parameter.detach().view(-1)[: lines * LINE].view(lines, LINE)[::step]
