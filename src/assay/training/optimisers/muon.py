"""Muon (Jordan et al. 2024): momentum made orthogonal, for the hidden matrices; AdamW for all the rest.

Query, key and value (and SwiGLU's gate and value) are separate maps that share one stored matrix, and each is made
orthogonal by itself, as Jordan et al. recommend; `spec.scale.matrices` counts the FLOPs the same way.
"""

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from assay.spec.recipe import Optimiser
from assay.spec.transfer import UNCHANGED, Transfer
from assay.training.model import GPT, HiddenMatrix
from assay.training.optimisers.adamw import adamw
from assay.training.optimisers.decay import decaying
from assay.training.optimisers.groups import REST, groups

ITERATIONS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # Jordan et al.: the steepest at zero that still settle near one


def orthogonalise(x_NMK: Tensor) -> Tensor:
    """Bring every singular value of each matrix in a stack near 1, by the quintic Newton-Schulz iteration.

    Matrices are (rows, columns) with rows ≤ columns. Singular values end within about [0.7, 1.2], not at 1.
    """
    a, b, c = COEFFICIENTS
    x = x_NMK / x_NMK.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)  # so that no singular value is above 1
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return x


class Block(NamedTuple):
    """Rows `start:stop` of the matrix with index `matrix`; `tall` when there are more rows than columns."""

    matrix: int
    start: int
    stop: int
    tall: bool


class Muon(torch.optim.Optimizer):
    """Muon over hidden matrices.

    Step: m ← μm + (1-μ)g; u ← (1-μ)g + μm (Nesterov); W ← (1 - lr·decay)W - lr·√max(1, rows/columns)·orthogonal(u).
    Blocks of equal shape, from all layers, go through Newton-Schulz as one stack: on small models that is faster.
    """

    whole_matrices = True

    def __init__(
        self, matrices: list[HiddenMatrix], lr: float, momentum: float, weight_decay: float, cautious: bool = False
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "cautious": cautious}
        super().__init__([matrix.weight for matrix in matrices], defaults)
        self.stacks: dict[tuple[int, int], list[Block]] = defaultdict(list)
        for index, (weight, rows) in enumerate(matrices):
            columns, start = weight.shape[1], 0
            for count in rows:
                short, long = min(count, columns), max(count, columns)
                self.stacks[short, long].append(Block(index, start, start + count, count > columns))
                start += count

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        assert closure is None
        group: dict[str, Any] = self.param_groups[0]
        weights: list[Tensor] = group["params"]
        updates: list[Tensor] = []
        for weight in weights:
            assert weight.grad is not None
            if not self.state[weight]:
                self.state[weight]["momentum"] = torch.zeros_like(weight)
            momentum = self.state[weight]["momentum"].lerp_(weight.grad, 1 - group["momentum"])
            updates.append(weight.grad.lerp(momentum, group["momentum"]))
        for (short, long), blocks in self.stacks.items():
            rows = [updates[block.matrix][block.start : block.stop] for block in blocks]
            stack = torch.stack([row.mT if block.tall else row for row, block in zip(rows, blocks, strict=True)])
            for block, update in zip(blocks, orthogonalise(stack), strict=True):
                target = weights[block.matrix][block.start : block.stop]
                step = update.mT if block.tall else update
                scale = math.sqrt(long / short) if block.tall else 1.0
                target.sub_(decaying(target, step, group["cautious"]), alpha=group["lr"] * group["weight_decay"])
                target.add_(step, alpha=-group["lr"] * scale)


def build(model: GPT, settings: Optimiser, transfer: Transfer = UNCHANGED) -> tuple[torch.optim.Optimizer, ...]:
    """Muon on the hidden matrices, AdamW on embeddings, head, norms and biases.

    Muon's update has the same spectral norm at every width, so that its learning rate does not follow the width.
    """
    lr, decay = settings.muon_lr * transfer.lr, settings.weight_decay * transfer.decay
    return (
        adamw(groups(model, settings, transfer, REST), settings),
        Muon(model.hidden_matrices(), lr, settings.muon_momentum, decay, settings.cautious_decay),
    )
