"""One layer: attention and MLP around the residual stream."""

import torch
from torch import Tensor, nn

from assay.spec.recipe import Model
from assay.spec.scale import Shape
from assay.training.model.attention import Attention
from assay.training.model.matrices import HiddenMatrix
from assay.training.model.mlp import Mlp
from assay.training.model.norm import Norm


class Layer(nn.Module):
    """One pre-norm transformer layer."""

    def __init__(self, shape: Shape, settings: Model) -> None:
        super().__init__()
        self.attention_norm = Norm(shape.width, settings)
        self.attention = Attention(shape, settings)
        self.mlp_norm = Norm(shape.width, settings)
        self.mlp = Mlp(shape, settings)
        self.branch = shape.transfer.branch

    def forward(self, x_BTC: Tensor, rope: tuple[Tensor, Tensor] | None) -> Tensor:
        x_BTC = self._add(x_BTC, self.attention(self.attention_norm(x_BTC), rope))
        return self._add(x_BTC, self.mlp(self.mlp_norm(x_BTC)))

    def _add(self, x_BTC: Tensor, y_BTC: Tensor) -> Tensor:
        return x_BTC + y_BTC if self.branch == 1 else torch.add(x_BTC, y_BTC, alpha=self.branch)

    def matrices(self) -> list[HiddenMatrix]:
        return [*self.attention.matrices(), *self.mlp.matrices()]
