"""How blocks write to the residual stream.

Each placement is a function of the stream, the block, the block's norm, a second norm (sandwich only) and a constant
that scales what the block adds.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

Block = Callable[[Tensor], Tensor]
Placement = Callable[[Tensor, Block, nn.Module, nn.Module | None, float], Tensor]


def pre(x: Tensor, block: Block, norm: nn.Module, _: nn.Module | None, scale: float) -> Tensor:
    """x + f(norm(x)): GPT-2 and most since (Xiong et al. 2020, "On Layer Normalization in the Transformer")."""
    return torch.add(x, block(norm(x)), alpha=scale)


def post(x: Tensor, block: Block, norm: nn.Module, _: nn.Module | None, scale: float) -> Tensor:
    """norm(x + f(x)): Vaswani et al. 2017."""
    return norm(torch.add(x, block(x), alpha=scale))


def output(x: Tensor, block: Block, norm: nn.Module, _: nn.Module | None, scale: float) -> Tensor:
    """x + norm(f(x)): OLMo 2 (2025), section 3.2."""
    return torch.add(x, norm(block(x)), alpha=scale)


def sandwich(x: Tensor, block: Block, norm: nn.Module, after: nn.Module | None, scale: float) -> Tensor:
    """x + norm₂(f(norm(x))): Ding et al. 2021, "CogView"; Gemma 2 (2024)."""
    assert after is not None
    return torch.add(x, after(block(norm(x))), alpha=scale)


PLACEMENTS: dict[str, Placement] = {"pre": pre, "post": post, "output": output, "sandwich": sandwich}


class X0Residual(nn.Module):
    """a·x + b·x₀, with x₀ the embedding and learned scalars that begin at 1 and 0.

    Source: modded-nanogpt (Jordan et al. 2024, record of 2024-11-08) and nanochat.
    """

    def __init__(self) -> None:
        super().__init__()
        self.scales = nn.Parameter(torch.tensor([1.0, 0.0]))

    def forward(self, x_BTC: Tensor, x0_BTC: Tensor) -> Tensor:
        return self.scales[0] * x_BTC + self.scales[1] * x0_BTC
