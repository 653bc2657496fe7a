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
