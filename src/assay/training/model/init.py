"""Initial weights."""

import hashlib
import math

import torch
from torch import nn


@torch.no_grad()
def initialise(model: nn.Module, depth: int, seed: int) -> None:
    """N(0, 0.02) for matrices, divided by √(2·depth) where they write to the residual stream (Radford et al. 2019).

    Each weight has its own random stream, named by seed and weight. Two recipes with the same seed thus start
    from the same numbers wherever their shapes agree, which makes their difference less noisy.
    """
    for name, weight in model.named_parameters():
        if weight.ndim < 2:
            weight.fill_(1.0 if name.endswith("norm.weight") else 0.0)
            continue
        residual = name.endswith(("attention.out.weight", "mlp.down.weight"))
        deviation = 0.02 / math.sqrt(2 * depth) if residual else 0.02
        stream = int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:8], "little", signed=True)
        weight.normal_(0.0, deviation, generator=torch.Generator().manual_seed(stream))
