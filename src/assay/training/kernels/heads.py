"""From one stacked projection to queries, keys and values: split into heads, rotated, normalised, in one pass.

With R the rotation of a position (RoPE), r = (mean x² + ε)^-½ and y = r·R·x:
∂x = R⁻¹·r·(∂y - y·mean(y·∂y)), because a rotation leaves the root mean square as it is.
The gradients of all three go straight into one stacked gradient.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from assay.training.kernels import usable
from assay.training.kernels.rms import inverse_rms

EPSILON = 1e-5
WORTH = 2**18  # numbers from which on it pays

Rope = tuple[Tensor, Tensor]


def rotate(x_BHTD: Tensor, cos_TD: Tensor, sin_TD: Tensor) -> Tensor:
    """Turn each pair of features by its position's angle, so that q·k depends on relative position only."""
    a, b = x_BHTD.chunk(2, dim=-1)
    length = x_BHTD.shape[-2]
    cos, sin = cos_TD[:length], sin_TD[:length]
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


def _rotate_into(out: Tensor, x: Tensor, cos_TD: Tensor, sin_TD: Tensor) -> None:
    """`rotate` without temporaries."""
    (a, b), (a_out, b_out) = x.chunk(2, dim=-1), out.chunk(2, dim=-1)
    torch.mul(a, cos_TD, out=a_out).addcmul_(b, sin_TD, value=-1)
    torch.mul(b, cos_TD, out=b_out).addcmul_(a, sin_TD)


class _SplitHeads(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, qkv_BTE: Tensor, counts: tuple[int, int, int], rope: Rope | None, norm: bool
    ) -> tuple[Tensor, ...]:
        parts = qkv_BTE.unflatten(-1, (sum(counts), -1)).transpose(1, 2).split(counts, dim=1)
        outputs, scales = [], []
        for x_BHTD in parts[:2]:
            y_BHTD = torch.empty_like(x_BHTD, memory_format=torch.contiguous_format)
            if rope is None:
                y_BHTD.copy_(x_BHTD)
            else:
                _rotate_into(y_BHTD, x_BHTD, *rope)
            if norm:
                scales.append(inverse_rms(y_BHTD, EPSILON))
                y_BHTD.mul_(scales[-1])
            outputs.append(y_BHTD)
        ctx.save_for_backward(*(outputs if norm else ()), *scales, *(rope or ()))
        ctx.counts, ctx.rope, ctx.norm = counts, rope is not None, norm
        return *outputs, parts[2].contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        saved = list(ctx.saved_tensors)
        rope = (saved[-2], -saved[-1]) if ctx.rope else None
        B, _, T, D = grads[0].shape
        gradient_BTHD = grads[0].new_empty(B, T, sum(ctx.counts), D)
        parts = gradient_BTHD.transpose(1, 2).split(ctx.counts, dim=1)
        for out_BTD, g_BTD in zip(parts[2].unbind(1), grads[2].unbind(1), strict=True):
            out_BTD.copy_(g_BTD)
        for i, (out_BHTD, g_BHTD) in enumerate(zip(parts[:2], grads, strict=False)):
            if ctx.norm:
                y_BHTD, r_BHT1 = saved[i], saved[2 + i]
                mean_BHT1 = (y_BHTD * g_BHTD).sum(-1, keepdim=True).div_(D)
                g_BHTD = torch.addcmul(g_BHTD, y_BHTD, mean_BHT1, value=-1).mul_(r_BHT1)
            for out_BTD, g_BTD in zip(out_BHTD.unbind(1), g_BHTD.unbind(1), strict=True):
                if rope is None:
                    out_BTD.copy_(g_BTD)
                else:
                    _rotate_into(out_BTD, g_BTD, *rope)
        return gradient_BTHD.flatten(2), None, None, None


def split_heads(
    qkv_BTE: Tensor, heads: int, kv_heads: int, rope: Rope | None, norm: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries (B, H, T, D), keys and values (B, K, T, D) of a projection whose rows are stacked in this order.

    Args:
        rope: cosines and sines (at least T, D / 2) by which queries and keys are rotated; None: they are not.
        norm: whether queries and keys are divided by their root mean square (QK-norm; Henry et al. 2020, with
            RMSNorm and no learned scale).
    """
    counts = (heads, kv_heads, kv_heads)
    if rope is not None:
        length = qkv_BTE.shape[1]
        rope = rope[0][:length], rope[1][:length]
    if qkv_BTE.numel() >= WORTH and usable(qkv_BTE):
        return _SplitHeads.apply(qkv_BTE, counts, rope, norm)  # pyright: ignore[reportReturnType]
    q, k, v = qkv_BTE.unflatten(-1, (sum(counts), -1)).transpose(1, 2).split(counts, dim=1)
    if rope is not None:
        q, k = rotate(q, *rope), rotate(k, *rope)
    if norm:
        q, k = (F.rms_norm(x, x.shape[-1:], eps=EPSILON) for x in (q, k))
    return q, k, v
