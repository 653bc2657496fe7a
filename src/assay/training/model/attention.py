"""Causal self-attention."""

from torch import Tensor, nn

from assay.spec.layers import has_rotary, has_value_embedding, has_value_residual, has_window
from assay.spec.recipe import Model
from assay.spec.scale import Shape
from assay.training.kernels.attention import attend
from assay.training.kernels.heads import split_heads
from assay.training.kernels.linear import Linear
from assay.training.model.masks import CAUSAL, Masks
from assay.training.model.matrices import HiddenMatrix
from assay.training.model.values import ValueEmbedding, ValueResidual


class Pass:
    """What all layers of one forward pass see besides the residual stream, and leave for each other.

    Not a dataclass: FSDP hands each layer a copy of those.
    """

    def __init__(
        self, tokens_BT: Tensor, x0_BTC: Tensor, masks: Masks = CAUSAL, rope: tuple[Tensor, Tensor] | None = None
    ) -> None:
        self.tokens_BT = tokens_BT
        self.x0_BTC = x0_BTC
        self.masks = masks
        self.rope = rope
        self.first_values: Tensor | None = None


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
        self.qkv = Linear(shape.width, sum(self.widths), bias=settings.bias)
        self.out = Linear(shape.width, shape.width, bias=settings.bias)
        embeds = has_value_embedding(settings, shape.depth, layer)
        self.value_embedding = ValueEmbedding(shape.vocab, kv_width) if embeds else None
        self.keeps_values = settings.value_residual and layer == 0
        self.value_residual = ValueResidual() if has_value_residual(settings, layer) else None

    def forward(self, x_BTC: Tensor, now: Pass) -> Tensor:
        rope = now.rope if self.rotary else None
        q, k, v = split_heads(self.qkv(x_BTC), self.heads, self.kv_heads, rope, self.qk_norm)
        if self.keeps_values:
            now.first_values = v
        if self.value_residual is not None:
            assert now.first_values is not None
            v = self.value_residual(v, now.first_values)
        if self.value_embedding is not None:
            v = self.value_embedding(v, now.tokens_BT)
        return self.out(attend(q, k, v, now.masks.window if self.windowed else now.masks.full))

    def matrices(self) -> list[HiddenMatrix]:
        return [HiddenMatrix(self.qkv.weight, self.widths), HiddenMatrix(self.out.weight, (self.out.out_features,))]
