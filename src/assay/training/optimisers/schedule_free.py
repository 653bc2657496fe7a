"""Schedule-Free AdamW (Defazio et al. 2024, "The Road Less Scheduled"): averaging in place of a decaying learning rate.

Three points move together: z takes Adam's steps, x is the mean of all z and is what evaluation wants, and gradients are
taken between them, at y = (1 - β₁)z + β₁x. The model's weights are y; the state keeps z; x follows from the two. Use
it with the schedule `constant`: a warm-up, then a flat learning rate.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from assay.spec.recipe import Optimiser
from assay.spec.transfer import UNCHANGED, Transfer
from assay.training.model import GPT
from assay.training.optimisers.decay import decaying
from assay.training.optimisers.groups import HIDDEN, REST, groups


class ScheduleFreeAdamW(torch.optim.Optimizer):
    """Schedule-Free AdamW over parameter groups with lr, weight_decay, betas and eps.

    Step t (algorithm 1 and section 4.3 of the paper): v ← β₂v + (1-β₂)g²; u ← g / (√v̂ + ε) + decay·y; z ← z - lr·u;
    x ← (1-c)x + cz with c = w_t / Σw and w_t = (largest lr so far)², so that steps of the warm-up weigh little;
    y ← (1-β₁)z + β₁x.
    """

    def __init__(self, parameters: list[dict[str, object]], cautious: bool = False) -> None:
        super().__init__(parameters, {"cautious": cautious})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        assert closure is None
        for group in self.param_groups:
            lr, (beta1, beta2) = group["lr"], group["betas"]
            for y in group["params"]:
                assert y.grad is not None
                state: dict[str, Tensor] = self.state[y]
                if not state:
                    state["step"], state["lr_max"], state["weight_sum"] = torch.zeros(3).unbind()
                    state["square"], state["z"] = torch.zeros_like(y), y.clone()
                state["step"] += 1
                state["lr_max"].clamp_(min=lr)
                weight = state["lr_max"].square()
                state["weight_sum"] += weight
                share = (weight / state["weight_sum"]).item() if lr else 0.0  # before the first step at all, x stays

                square, z = state["square"], state["z"]
                square.mul_(beta2).addcmul_(y.grad, y.grad, value=1 - beta2)
                corrected = square / (1 - beta2 ** int(state["step"].item()))
                update = y.grad / corrected.sqrt_().add_(group["eps"])
                # In place, as the authors do it: y moves towards z by x's share of z, then both take the step.
                update.add_(decaying(y, update, group["cautious"]), alpha=group["weight_decay"])
                y.lerp_(z, share).add_(update, alpha=lr * (beta1 * (1 - share) - 1))
                z.sub_(update, alpha=lr)

    @torch.no_grad()
    def evaluation_weights(self) -> dict[nn.Parameter, Tensor]:
        """x of every parameter that has taken a step: y + (1 - 1/β₁)(z - y)."""
        return {
            y: y.lerp(self.state[y]["z"], 1 - 1 / group["betas"][0])
            for group in self.param_groups
            for y in group["params"]
            if y in self.state
        }


def build(model: GPT, settings: Optimiser, transfer: Transfer = UNCHANGED) -> tuple[torch.optim.Optimizer, ...]:
    """Schedule-Free AdamW on every parameter of the model."""
    parameters = groups(model, settings, transfer, (HIDDEN, *REST))
    return (ScheduleFreeAdamW(parameters, settings.cautious_decay),)
