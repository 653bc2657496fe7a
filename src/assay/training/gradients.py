"""Gradient norms and clipping."""

import torch
from torch import Tensor


def norms(gradients: list[Tensor]) -> Tensor:
    """Euclidean norm of each gradient, as one vector."""
    return torch.stack(torch._foreach_norm(gradients))  # pyright: ignore[reportPrivateImportUsage]


def clip(gradients: list[Tensor], norm: Tensor, limit: float) -> None:
    """Scale gradients whose joint norm is `norm` so that it is at most `limit`; 0 leaves them (Pascanu 2013)."""
    if not limit or (norm.device.type == "cpu" and norm.item() <= limit):  # elsewhere looking would make it wait
        return
    torch._foreach_mul_(gradients, (limit / norm).clamp(max=1.0))  # pyright: ignore[reportPrivateImportUsage]
