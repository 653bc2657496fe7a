"""Norms over the last dimension: LayerNorm (Ba et al. 2016) and RMSNorm (Zhang & Sennrich 2019)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from assay.spec.recipe import Model
from assay.training.kernels.rms import rms_norm

EPSILON = 1e-5


class LayerNorm(nn.Module):
    """(x - mean) / deviation, times a learned gain, plus a bias if linear layers have one."""

    def __init__(self, width: int, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, EPSILON)


class RmsNorm(nn.Module):
    """x over its root mean square, times a learned gain where there is one."""

    def __init__(self, width: int, gain: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width)) if gain else None

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.weight, EPSILON)


def norm(width: int, settings: Model) -> nn.Module:
    """The norm that `model.norm` names."""
    if settings.norm == "layernorm":
        return LayerNorm(width, settings.bias)
    return RmsNorm(width, gain=settings.norm == "rmsnorm")
