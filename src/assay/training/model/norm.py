"""Norms over the residual stream."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from assay.spec.recipe import Model

EPSILON = 1e-5


class Norm(nn.Module):
    """LayerNorm (Ba et al. 2016) or RMSNorm (Zhang & Sennrich 2019) over the last dimension."""

    def __init__(self, width: int, settings: Model) -> None:
        super().__init__()
        self.rms = settings.norm == "rmsnorm"
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if settings.bias and not self.rms else None

    def forward(self, x: Tensor) -> Tensor:
        if self.rms:
            return F.rms_norm(x, self.weight.shape, self.weight, EPSILON)
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, EPSILON)
