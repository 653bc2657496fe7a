"""Linear maps by oneDNN's matrix product instead of MKL's.

y = x·Wᵀ + b;  ∂x = ∂y·W,  ∂W = ∂yᵀ·x,  ∂b = Σ ∂y.

For the tall, narrow products of small models oneDNN is 1.1 to 1.4 times as fast (AMD EPYC, one thread) in the
first two; it would have to transpose both factors of the third. PyTorch itself reaches for it only in lower precision.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from assay.training.kernels import usable

WORTH = 2**26  # multiplications from which on it pays


def product(x_NI: Tensor, weight_OI: Tensor, bias_O: Tensor | None = None) -> Tensor:
    """x·Wᵀ + b, of shape (N, O)."""
    if x_NI.dtype is torch.float32 and torch.backends.mkldnn.is_available():
        return torch.ops.mkldnn._linear_pointwise(x_NI, weight_OI, bias_O, "none", [], "")
    return F.linear(x_NI, weight_OI, bias_O)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return product(x.flatten(0, -2), weight, bias).view(*x.shape[:-1], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, weight = ctx.saved_tensors
        g_NO = g.flatten(0, -2)
        of_x, of_weight, of_bias = ctx.needs_input_grad
        return (
            product(g_NO, weight.t()).view_as(x) if of_x else None,
            g_NO.t() @ x.flatten(0, -2) if of_weight else None,
            g_NO.sum(0) if of_bias else None,
        )


def linear(x: Tensor, weight_OI: Tensor, bias_O: Tensor | None = None) -> Tensor:
    """x·Wᵀ + b over the last dimension, as `torch.nn.functional.linear`."""
    if x.numel() * len(weight_OI) < WORTH or not usable(x):
        return F.linear(x, weight_OI, bias_O)
    return _Linear.apply(x, weight_OI, bias_O)  # pyright: ignore[reportReturnType]


class Linear(nn.Linear):
    """`torch.nn.Linear` by this kernel."""

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.weight, self.bias)
