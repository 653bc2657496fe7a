"""RMSNorm (Zhang & Sennrich 2019), which PyTorch has on CPUs only as a chain of plain operations.

With r = (mean x² + ε)^-½:  y = r·x·w;  ∂x = r·(w∘∂y - r²·x·mean(w∘∂y∘x)),  ∂w = Σ r·x∘∂y.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from assay.training.kernels import usable

WORTH = 2**18  # numbers from which on it pays


def inverse_rms(x: Tensor, epsilon: float) -> Tensor:
    """(mean x² + ε)^-½ over the last dimension, which stays, with one number in it."""
    return torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_().div_(x.shape[-1]).add_(epsilon).rsqrt_()


class _RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | None, epsilon: float) -> Tensor:
        r = inverse_rms(x, epsilon)
        ctx.save_for_backward(x, r, weight)
        y = x * r
        return y if weight is None else y.mul_(weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, r, weight = ctx.saved_tensors
        products = x * g
        of_weight = None
        if weight is not None:
            # Sums over tokens and over features as matrix products: they read `products` once each.
            of_weight = (r.flatten()[None] @ products.flatten(0, -2))[0]
            means = (products.flatten(0, -2) @ weight).view_as(r)
            g = g * weight
        else:
            means = products.sum(-1, keepdim=True)
            g = g.clone()
        means.mul_(r.square()).div_(x.shape[-1])
        return g.sub_(products.copy_(x).mul_(means)).mul_(r), of_weight, None


def rms_norm(x: Tensor, weight: Tensor | None, epsilon: float) -> Tensor:
    """x over its root mean square (last dimension), times a gain where there is one."""
    if x.numel() < WORTH or not usable(x):
        return F.rms_norm(x, x.shape[-1:], weight, epsilon)
    return _RmsNorm.apply(x, weight, epsilon)  # pyright: ignore[reportReturnType]
