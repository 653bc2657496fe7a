"""One GPT, from token numbers to the loss.

With a recipe's defaults it is nanoGPT's model: learned positions, LayerNorm before each part, GELU, tied
embeddings, no biases. Every other part is one `if` away. Shapes are written as suffixes: B sequences, T tokens,
C width of the residual stream, H query heads, K key/value heads, D width of a head, F hidden width of the MLP,
V vocabulary.
"""

import hashlib
import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from assay.spec.recipe import Model
from assay.spec.scale import Shape


class Norm(nn.Module):
    """LayerNorm (Ba et al. 2016) or RMSNorm (Zhang & Sennrich 2019) over the last dimension."""

    def __init__(self, width: int, settings: Model) -> None:
        super().__init__()
        self.rms = settings.norm == "rmsnorm"
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if settings.bias and not self.rms else None

    def forward(self, x: Tensor) -> Tensor:
        if self.rms:
            return F.rms_norm(x, self.weight.shape, self.weight, 1e-5)
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-5)


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


class Mlp(nn.Module):
    """Two layers with GELU, squared ReLU (So et al. 2021) or SwiGLU (Shazeer 2020) between them."""

    def __init__(self, shape: Shape, settings: Model) -> None:
        super().__init__()
        self.activation = settings.mlp
        columns = 2 * shape.mlp_hidden if settings.mlp == "swiglu" else shape.mlp_hidden
        self.up = nn.Linear(shape.width, columns, bias=settings.bias)
        self.down = nn.Linear(shape.mlp_hidden, shape.width, bias=settings.bias)

    def forward(self, x_BTC: Tensor) -> Tensor:
        h_BTF = self.up(x_BTC)
        if self.activation == "gelu":
            h_BTF = F.gelu(h_BTF)
        elif self.activation == "relu2":
            h_BTF = F.relu(h_BTF).square()
        else:
            gate, value = h_BTF.chunk(2, dim=-1)
            h_BTF = F.silu(gate) * value
        return self.down(h_BTF)


class Layer(nn.Module):
    """One pre-norm transformer layer."""

    def __init__(self, shape: Shape, settings: Model) -> None:
        super().__init__()
        self.attention_norm = Norm(shape.width, settings)
        self.attention = Attention(shape, settings)
        self.mlp_norm = Norm(shape.width, settings)
        self.mlp = Mlp(shape, settings)

    def forward(self, x_BTC: Tensor, rope: tuple[Tensor, Tensor] | None) -> Tensor:
        x_BTC = x_BTC + self.attention(self.attention_norm(x_BTC), rope)
        return x_BTC + self.mlp(self.mlp_norm(x_BTC))


class HiddenMatrix(NamedTuple):
    """A weight matrix inside the layers, and the rows of each of the separate maps that are stacked in it."""

    weight: Tensor
    rows: tuple[int, ...]


class GPT(nn.Module):
    """A decoder-only transformer.

    `GPT(shape, settings, seed)` has freshly drawn weights; `model(tokens_BT)` gives logits (B, T, V), and
    `model(tokens_BT, targets_BT)` the mean cross-entropy in nats a token.
    """

    def __init__(self, shape: Shape, settings: Model, seed: int = 0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(shape.vocab, shape.width)
        self.positions: nn.Parameter | None = None
        self.rope: tuple[Tensor, Tensor] | None = None
        if settings.position == "learned":
            self.positions = nn.Parameter(torch.empty(shape.context, shape.width))
        else:
            self.rope = rotation(shape.context, shape.head_dim, settings.rope_base)
        self.layers = nn.ModuleList(Layer(shape, settings) for _ in range(shape.depth))
        self.final_norm = Norm(shape.width, settings)
        self.head = None if settings.tied_embeddings else nn.Linear(shape.width, shape.vocab, bias=False)
        self._initialise(seed)

    @torch.no_grad()
    def _initialise(self, seed: int) -> None:
        """N(0, 0.02) for matrices, divided by √(2·depth) where they write to the residual stream (Radford et al. 2019).

        Each weight has its own random stream, named by seed and weight. Two recipes with the same seed thus start
        from the same numbers wherever their shapes agree, which makes their difference less noisy.
        """
        for name, weight in self.named_parameters():
            if weight.ndim < 2:
                weight.fill_(1.0 if name.endswith("norm.weight") else 0.0)
                continue
            residual = name.endswith(("attention.out.weight", "mlp.down.weight"))
            deviation = 0.02 / math.sqrt(2 * len(self.layers)) if residual else 0.02
            stream = int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:8], "little", signed=True)
            weight.normal_(0.0, deviation, generator=torch.Generator().manual_seed(stream))

    def forward(self, tokens_BT: Tensor, targets_BT: Tensor | None = None) -> Tensor:
        x_BTC = self.embedding(tokens_BT)
        if self.positions is not None:
            x_BTC = x_BTC + self.positions[: tokens_BT.shape[1]]
        for layer in self.layers:
            x_BTC = layer(x_BTC, self.rope)
        x_BTC = self.final_norm(x_BTC)
        logits_BTV = F.linear(x_BTC, self.embedding.weight if self.head is None else self.head.weight)
        if targets_BT is None:
            return logits_BTV
        return F.cross_entropy(logits_BTV.flatten(0, 1), targets_BT.flatten())

    def hidden_matrices(self) -> list[HiddenMatrix]:
        """The weight matrices of the layers, for optimisers that treat them unlike embeddings and vectors."""
        found: list[HiddenMatrix] = []
        for layer in self.layers:
            assert isinstance(layer, Layer)
            attention, mlp = layer.attention, layer.mlp
            halves = 2 if mlp.activation == "swiglu" else 1
            found += [
                HiddenMatrix(attention.qkv.weight, attention.widths),
                HiddenMatrix(attention.out.weight, (attention.out.out_features,)),
                HiddenMatrix(mlp.up.weight, (mlp.up.out_features // halves,) * halves),
                HiddenMatrix(mlp.down.weight, (mlp.down.out_features,)),
            ]
        return found
