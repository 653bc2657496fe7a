"""Rotary positions (RoPE; Su et al. 2021, "RoFormer")."""

import torch
from torch import Tensor


def rotation(context: int, head_dim: int, base: float) -> tuple[Tensor, Tensor]:
    """Cosines and sines of RoPE, each (context, head_dim / 2): position t turns pair i by t·base^(-2i/D).

    Source: Su et al. 2021, "RoFormer", equation 15; pairs are (i, i + D/2) as in GPT-NeoX.
    """
    speeds = base ** (-torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim)
    angles = torch.outer(torch.arange(context, dtype=torch.float64), speeds)
    return angles.cos().float(), angles.sin().float()


def rotate(x_BHTD: Tensor, cos_TD: Tensor, sin_TD: Tensor) -> Tensor:
    """Turn each pair of features by its position's angle, so that q·k depends on relative position only."""
    a, b = x_BHTD.chunk(2, dim=-1)
    length = x_BHTD.shape[-2]
    cos, sin = cos_TD[:length], sin_TD[:length]
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)
