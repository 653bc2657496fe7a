"""Other sources of attention's values than the layer's own input."""

import torch
from torch import Tensor, nn


class ValueEmbedding(nn.Module):
    """v + s·E[token], with a table and a scalar of the layer's own.

    Source: modded-nanogpt (Jordan et al. 2024, record of 2024-12-17) and nanochat; s begins at 1.
    """

    def __init__(self, vocab: int, kv_width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab, kv_width)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, v_BKTD: Tensor, tokens_BT: Tensor) -> Tensor:
        rows_BKTD = self.embedding(tokens_BT).unflatten(-1, (v_BKTD.shape[1], -1)).transpose(1, 2)
        return v_BKTD + self.scale * rows_BKTD


class ValueResidual(nn.Module):
    """(1 - λ)·v + λ·v₁, with v₁ the first layer's values and λ learned, from ½ on.

    Source: Zhou et al. 2024, "Value Residual Learning", section 3 (learnable ResFormer), with one scalar as in
    modded-nanogpt.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Parameter(torch.full((1,), 0.5))

    def forward(self, v: Tensor, first: Tensor) -> Tensor:
        return v + self.mix * (first - v)
