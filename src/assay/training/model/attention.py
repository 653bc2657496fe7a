"""Attention."""

import torch.nn.functional as F
from torch import Tensor, nn

from assay.spec.recipe import Model
from assay.spec.scale import Shape
from assay.training.model.matrices import HiddenMatrix
from assay.training.model.rotary import rotate


class Attention(nn.Module):
    """Causal self-attention; with fewer key/value heads than query heads it is grouped (Ainslie et al. 2023)."""

    def __init__(self, shape: Shape, settings: Model) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = shape.heads, shape.kv_heads, shape.head_dim
        self.qk_norm = settings.qk_norm
        # Query, key and value weights in one matrix: one large product is faster than three small ones.
        kv_width = shape.kv_heads * shape.head_dim
        self.widths = (shape.width, kv_width, kv_width)
        self.qkv = nn.Linear(shape.width, sum(self.widths), bias=settings.bias)
        self.out = nn.Linear(shape.width, shape.width, bias=settings.bias)

    def forward(self, x_BTC: Tensor, rope: tuple[Tensor, Tensor] | None) -> Tensor:
        B, T, C = x_BTC.shape
        q, k, v = self.qkv(x_BTC).split(self.widths, dim=-1)
        q_BHTD = q.view(B, T, self.heads, self.head_dim).transpose(1, 2)
        k_BKTD = k.view(B, T, self.kv_heads, self.head_dim).transpose(1, 2)
        v_BKTD = v.view(B, T, self.kv_heads, self.head_dim).transpose(1, 2)
        if rope is not None:
            q_BHTD, k_BKTD = rotate(q_BHTD, *rope), rotate(k_BKTD, *rope)
        if self.qk_norm:  # Henry et al. 2020, with RMSNorm and no learned scale
            q_BHTD = F.rms_norm(q_BHTD, (self.head_dim,), eps=1e-5)
            k_BKTD = F.rms_norm(k_BKTD, (self.head_dim,), eps=1e-5)
        grouped = self.heads != self.kv_heads
        y_BHTD = F.scaled_dot_product_attention(q_BHTD, k_BKTD, v_BKTD, is_causal=True, enable_gqa=grouped)
        return self.out(y_BHTD.transpose(1, 2).reshape(B, T, C))

    def matrices(self) -> list[HiddenMatrix]:
        return [HiddenMatrix(self.qkv.weight, self.widths), HiddenMatrix(self.out.weight, (self.out.out_features,))]
