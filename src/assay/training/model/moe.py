"""Mixture of experts: each token goes to a few of many small MLPs (Shazeer et al. 2017).

Affinities are sigmoids and gates are not normalised (Wang et al. 2024, "Auxiliary-Loss-Free Load Balancing Strategy for
Mixture-of-Experts", equations 1 to 3; DeepSeek-V3), but gates are doubled: they begin near 1, and with the experts'
widths adding up to the dense MLP's the layer begins as large as the dense one.

Loads are balanced without a loss (Wang et al. 2024, algorithm 1): a bias for each expert is added to affinities when
experts are chosen, not to gates, and after each step moves by `expert_bias_rate`, up if the expert got too few tokens.
"""

import torch
from torch import Tensor, nn

from assay.spec.recipe import Model
from assay.spec.scale import Shape
from assay.training.model.matrices import HiddenMatrix
from assay.training.model.mlp import ACTIVATIONS, Mlp, ups


class Stacked(nn.Module):
    """The same linear map of every expert, in one matrix (experts · outputs, inputs)."""

    def __init__(self, experts: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.shape = (experts, outputs, inputs)
        self.weight = nn.Parameter(torch.empty(experts * outputs, inputs))

    def each(self) -> tuple[Tensor, ...]:
        return self.weight.view(self.shape).unbind()


class Experts(nn.Module):
    """`experts` MLPs, of which each token goes to `experts_per_token`, and one more for all with `shared_expert`.

    `bias` (buffer, saved with the weights) steers the choice; `load` counts the tokens that each expert got since the
    last `balance`, in training mode.
    """

    bias: Tensor
    load: Tensor

    def __init__(self, shape: Shape, settings: Model) -> None:
        super().__init__()
        self.chosen, self.rate = settings.experts_per_token, settings.expert_bias_rate
        self.ups = ups(settings.mlp)
        self.activate = ACTIVATIONS[settings.mlp]
        hidden = shape.expert_hidden
        self.router = nn.Linear(shape.width, settings.experts, bias=False)
        self.up = Stacked(settings.experts, shape.width, self.ups * hidden)
        self.down = Stacked(settings.experts, hidden, shape.width)
        self.shared = Mlp(shape.width, hidden, settings) if settings.shared_expert else None
        self.register_buffer("bias", torch.zeros(settings.experts))
        self.register_buffer("load", torch.zeros(settings.experts), persistent=False)

    def forward(self, x_BTC: Tensor) -> Tensor:
        x_NC = x_BTC.flatten(0, -2)
        affinity_NE, expert_NS = self._route(x_NC)
        gate_NS = 2 * affinity_NE.gather(1, expert_NS)
        load_E = torch.bincount(expert_NS.flatten(), minlength=len(self.bias))
        if self.training:
            self.load += load_E
        # Tokens are sorted by expert, so that each expert multiplies one matrix; `back` undoes the sorting.
        order = expert_NS.flatten().argsort(stable=True)
        back = order.argsort()
        pieces = x_NC[order // self.chosen].split(load_E.tolist())
        maps = zip(pieces, self.up.each(), self.down.each(), strict=True)
        sorted_MC = torch.cat([self.activate(x @ up.mT) @ down.mT for x, up, down in maps])
        y_NSC = sorted_MC[back].view(*expert_NS.shape, -1)
        y_BTC = (gate_NS[..., None] * y_NSC).sum(1).view_as(x_BTC)
        return y_BTC if self.shared is None else y_BTC + self.shared(x_BTC)

    def _route(self, x_NC: Tensor) -> tuple[Tensor, Tensor]:
        """Affinity to each expert, and the experts that each token goes to. S: an expert's slot."""
        affinity_NE = self.router(x_NC).sigmoid()
        return affinity_NE, (affinity_NE.detach() + self.bias).topk(self.chosen, dim=-1).indices

    def loads(self, x_NC: Tensor) -> Tensor:
        """How many of these tokens would go to each expert, (E,)."""
        return torch.bincount(self._route(x_NC)[1].flatten(), minlength=len(self.bias))

    @torch.no_grad()
    def balance(self) -> None:
        """Move each expert's bias by the sign of what its load lacks, and count anew."""
        self.bias += self.rate * (self.load.mean() - self.load).sign()
        self.load.zero_()

    def matrices(self) -> list[HiddenMatrix]:
        experts, width, hidden = self.down.shape
        shared = [] if self.shared is None else self.shared.matrices()
        return [
            HiddenMatrix(self.router.weight, (experts,)),
            HiddenMatrix(self.up.weight, (hidden,) * (self.ups * experts)),
            HiddenMatrix(self.down.weight, (width,) * experts),
            *shared,
        ]
