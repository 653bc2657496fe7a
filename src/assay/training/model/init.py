"""Initial weights."""

import hashlib
import math

import torch
from torch import nn

from assay.spec.scale import Shape


@torch.no_grad()
def initialise(model: nn.Module, shape: Shape, seed: int) -> None:
    """N(0, 0.02) for matrices, divided by √(2·depth) where they write to the residual stream (Radford et al. 2019).

    Under muP both sizes are the base's: deviations of hidden matrices then follow the width (`spec/transfer.py`).

    Each weight has its own random stream, named by seed and weight. Two recipes with the same seed thus start
    from the same numbers wherever their shapes agree, which makes their difference less noisy.
    """
    transfer = shape.transfer
    depth = shape.depth / transfer.depth
    for name, weight in model.named_parameters():
        if weight.ndim < 2:
            weight.fill_(1.0 if name.endswith("norm.weight") else 0.0)
            continue
        residual = name.endswith(("attention.out.weight", "mlp.down.weight"))
        deviation = 0.02 / math.sqrt(2 * depth) if residual else 0.02
        deviation *= transfer.deviation if name.startswith("layers.") else 1.0
        stream = int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:8], "little", signed=True)
        weight.normal_(0.0, deviation, generator=torch.Generator().manual_seed(stream))
