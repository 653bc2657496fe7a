"""The MLP of a layer."""

import torch.nn.functional as F
from torch import Tensor, nn

from assay.spec.recipe import Model
from assay.spec.scale import Shape
from assay.training.model.matrices import HiddenMatrix


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

    def matrices(self) -> list[HiddenMatrix]:
        halves = 2 if self.activation == "swiglu" else 1
        return [
            HiddenMatrix(self.up.weight, (self.up.out_features // halves,) * halves),
            HiddenMatrix(self.down.weight, (self.down.out_features,)),
        ]
