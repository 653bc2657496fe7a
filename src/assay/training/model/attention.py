"""Causal self-attention."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from assay.spec.layers import has_rotary, has_value_embedding, has_value_residual, has_window
from assay.spec.recipe import Model
from assay.spec.scale import Shape
from assay.training.model.masks import CAUSAL, Masks
from assay.training.model.matrices import HiddenMatrix
from assay.training.model.norm import EPSILON
from assay.training.model.rotary import rotate
from assay.training.model.values import ValueEmbedding, ValueResidual


@dataclass
class Pass:
    """What all layers of one forward pass see besides the residual stream."""

    tokens_BT: Tensor
    x0_BTC: Tensor
    masks: Masks = CAUSAL
    rope: tuple[Tensor, Tensor] | None = None
    first_values: Tensor | None = None


class Attention(nn.Module):
    """Multi-head attention; with fewer key/value heads than query heads it is grouped (Ainslie et al. 2023)."""

    def __init__(self, shape: Shape, settings: Model, layer: int) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = shape.heads, shape.kv_heads, shape.head_dim
        self.rotary = has_rotary(settings, layer)
        self.windowed = has_window(settings, shape.depth, layer)
        self.qk_norm = settings.qk_norm
        # Query, key and value weights in one matrix: one large product is faster than three small ones.
        kv_width = shape.kv_heads * shape.head_dim
        self.widths = (shape.width, kv_width, kv_width)
        self.qkv = nn.Linear(shape.width, sum(self.widths), bias=settings.bias)
        self.out = nn.Linear(shape.width, shape.width, bias=settings.bias)
        embeds = has_value_embedding(settings, shape.depth, layer)
        self.value_embedding = ValueEmbedding(shape.vocab, kv_width) if embeds else None
        self.keeps_values = settings.value_residual and layer == 0
        self.value_residual = ValueResidual() if has_value_residual(settings, layer) else None

    def forward(self, x_BTC: Tensor, now: Pass) -> Tensor:
        B, T, C = x_BTC.shape
        q, k, v = self.qkv(x_BTC).split(self.widths, dim=-1)
        if self.keeps_values:
            now.first_values = v
        if self.value_residual is not None:
            assert now.first_values is not None
            v = self.value_residual(v, now.first_values)
        if self.value_embedding is not None:
            v = self.value_embedding(v, now.tokens_BT)
        q_BHTD = q.view(B, T, self.heads, self.head_dim).transpose(1, 2)
        k_BKTD = k.view(B, T, self.kv_heads, self.head_dim).transpose(1, 2)
        v_BKTD = v.view(B, T, self.kv_heads, self.head_dim).transpose(1, 2)
        if self.rotary:
            assert now.rope is not None
            q_BHTD, k_BKTD = rotate(q_BHTD, *now.rope), rotate(k_BKTD, *now.rope)
        if self.qk_norm:  # Henry et al. 2020, with RMSNorm and no learned scale
            q_BHTD = F.rms_norm(q_BHTD, (self.head_dim,), eps=EPSILON)
            k_BKTD = F.rms_norm(k_BKTD, (self.head_dim,), eps=EPSILON)
        mask = now.masks.window if self.windowed else now.masks.full
        grouped = self.heads != self.kv_heads
        y_BHTD = F.scaled_dot_product_attention(
            q_BHTD, k_BKTD, v_BKTD, attn_mask=mask, is_causal=mask is None, enable_gqa=grouped
        )
        return self.out(y_BHTD.transpose(1, 2).reshape(B, T, C))

    def matrices(self) -> list[HiddenMatrix]:
        return [HiddenMatrix(self.qkv.weight, self.widths), HiddenMatrix(self.out.weight, (self.out.out_features,))]
