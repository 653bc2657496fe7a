"""max(0, x)² (So et al. 2021, "Primer"), whose derivative is 2·max(0, x)."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from assay.training.kernels import usable


class _Relu2(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        positive = F.relu(x)
        ctx.save_for_backward(positive)
        return positive * positive

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        [positive] = ctx.saved_tensors
        return (g * positive).mul_(2)


def relu2(x: Tensor) -> Tensor:
    """max(0, x)², number by number."""
    if not usable(x):
        return F.relu(x).square()
    return _Relu2.apply(x)  # pyright: ignore[reportReturnType]
