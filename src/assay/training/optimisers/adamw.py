"""AdamW (Loshchilov & Hutter 2019), with nanoGPT's rule of decaying matrices and leaving vectors alone."""

from collections.abc import Callable
from typing import Any

import torch

from assay.spec.recipe import Optimiser
from assay.spec.transfer import UNCHANGED, Transfer
from assay.training.model import GPT
from assay.training.optimisers.decay import decaying
from assay.training.optimisers.groups import HIDDEN, REST, groups


class CautiousAdamW(torch.optim.AdamW):
    """AdamW with cautious weight decay. Each group's `cautious_decay` is the decay; its `weight_decay` is 0."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        # The sign of Adam's update is that of its first moment, which is known before the step: so that decay can
        # come first, and the step itself stay PyTorch's fused one.
        for group in self.param_groups:
            for weight in group["params"]:
                moment = self.state[weight].get("exp_avg")
                update = weight.grad if moment is None else moment.lerp(weight.grad, 1 - group["betas"][0])
                weight.sub_(decaying(weight, update, cautious=True), alpha=group["lr"] * group["cautious_decay"])
        super().step(closure)


def adamw(parameters: list[dict[str, Any]], settings: Optimiser) -> torch.optim.AdamW:
    """AdamW over parameter groups as `groups` gives them."""
    if not settings.cautious_decay:
        return torch.optim.AdamW(parameters, fused=True)
    cautious = [{**group, "weight_decay": 0.0, "cautious_decay": group["weight_decay"]} for group in parameters]
    return CautiousAdamW(cautious, fused=True)


def build(model: GPT, settings: Optimiser, transfer: Transfer = UNCHANGED) -> tuple[torch.optim.Optimizer, ...]:
    """AdamW on every parameter of the model."""
    return (adamw(groups(model, settings, transfer, (HIDDEN, *REST)), settings),)
