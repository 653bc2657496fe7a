"""The dense MLP of a layer, and the activations that it shares with experts."""

import torch.nn.functional as F
from torch import Tensor, nn

from assay.spec.recipe import Model
from assay.training.kernels.linear import Linear
from assay.training.kernels.relu2 import relu2
from assay.training.model.matrices import HiddenMatrix


def gelu(h: Tensor) -> Tensor:
    """x·Φ(x), exactly and not by tanh (Hendrycks & Gimpel 2016)."""
    return F.gelu(h)


def swiglu(h: Tensor) -> Tensor:
    """silu(gate)·value, of the two halves of the last dimension (Shazeer 2020)."""
    gate, value = h.chunk(2, dim=-1)
    return F.silu(gate) * value


ACTIVATIONS = {"gelu": gelu, "relu2": relu2, "swiglu": swiglu}


def ups(activation: str) -> int:
    """How many maps of the hidden width are stacked in `up`."""
    return 2 if activation == "swiglu" else 1


class Mlp(nn.Module):
    """Two linear layers with an activation between them."""

    def __init__(self, width: int, hidden: int, settings: Model) -> None:
        super().__init__()
        self.activation = settings.mlp
        self.activate = ACTIVATIONS[settings.mlp]
        self.up = Linear(width, ups(settings.mlp) * hidden, bias=settings.bias)
        self.down = Linear(hidden, width, bias=settings.bias)

    def forward(self, x_BTC: Tensor) -> Tensor:
        return self.down(self.activate(self.up(x_BTC)))

    def matrices(self) -> list[HiddenMatrix]:
        hidden = self.down.in_features
        return [
            HiddenMatrix(self.up.weight, (hidden,) * ups(self.activation)),
            HiddenMatrix(self.down.weight, (self.down.out_features,)),
        ]
