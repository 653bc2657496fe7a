"""AdamW (Loshchilov & Hutter 2019), with nanoGPT's rule of decaying matrices and leaving vectors alone."""

import torch

from assay.spec.recipe import Optimiser
from assay.training.model import GPT


def adamw(parameters: list[torch.nn.Parameter], settings: Optimiser) -> torch.optim.AdamW:
    """AdamW over the given parameters; decoupled weight decay on those with two dimensions or more."""
    matrices = [parameter for parameter in parameters if parameter.ndim >= 2]
    vectors = [parameter for parameter in parameters if parameter.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=settings.lr,
        betas=(settings.beta1, settings.beta2),
        eps=settings.eps,
        fused=True,
    )


def build(model: GPT, settings: Optimiser) -> tuple[torch.optim.Optimizer, ...]:
    """AdamW on every parameter of the model."""
    return (adamw(list(model.parameters()), settings),)
