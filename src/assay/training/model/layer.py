"""One layer: attention and an MLP (or experts) around the residual stream."""

from torch import Tensor, nn

from assay.spec.layers import has_x0_residual
from assay.spec.recipe import Model
from assay.spec.scale import Shape
from assay.training.model.attention import Attention, Pass
from assay.training.model.matrices import HiddenMatrix
from assay.training.model.mlp import Mlp
from assay.training.model.moe import Experts
from assay.training.model.norm import norm
from assay.training.model.residual import PLACEMENTS, X0Residual


class Layer(nn.Module):
    """One transformer layer, its norms where `model.norm_place` says."""

    def __init__(self, shape: Shape, settings: Model, layer: int) -> None:
        super().__init__()
        twice = settings.norm_place == "sandwich"
        self.write = PLACEMENTS[settings.norm_place]
        self.branch = shape.transfer.branch
        self.x0 = X0Residual() if has_x0_residual(settings, layer) else None
        self.attention_norm = norm(shape.width, settings)
        self.attention = Attention(shape, settings, layer)
        self.attention_out_norm = norm(shape.width, settings) if twice else None
        self.mlp_norm = norm(shape.width, settings)
        self.mlp = Experts(shape, settings) if settings.experts else Mlp(shape.width, shape.mlp_hidden, settings)
        self.mlp_out_norm = norm(shape.width, settings) if twice else None

    def forward(self, x_BTC: Tensor, now: Pass) -> Tensor:
        if self.x0 is not None:
            x_BTC = self.x0(x_BTC, now.x0_BTC)
        x_BTC = self.write(
            x_BTC, lambda h: self.attention(h, now), self.attention_norm, self.attention_out_norm, self.branch
        )
        return self.write(x_BTC, self.mlp, self.mlp_norm, self.mlp_out_norm, self.branch)

    def matrices(self) -> list[HiddenMatrix]:
        return [*self.attention.matrices(), *self.mlp.matrices()]
