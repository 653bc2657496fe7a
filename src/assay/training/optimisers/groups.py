"""The constants of each group of parameters: the optimiser's own, as recipe and size of the model change them."""

from typing import Any

from torch import nn

from assay.spec.recipe import Group, Optimiser
from assay.spec.transfer import Transfer
from assay.training.model import GPT

#: `GPT.parameter_groups()`: the matrices of the layers, and what matrix optimisers leave to AdamW.
HIDDEN = "hidden"
REST = ("embedding", "head", "vectors")


def groups(model: GPT, settings: Optimiser, transfer: Transfer, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """PyTorch's parameter groups for the named groups of a model, each with lr, weight_decay, betas and eps.

    Groups with equal constants become one, since each costs a call a step; empty ones are left out.
    """
    parameters = model.parameter_groups()
    merged: dict[tuple[Any, ...], list[nn.Parameter]] = {}
    for name in names:
        if parameters[name]:
            merged.setdefault(_constants(name, settings, transfer), []).extend(parameters[name])
    return [
        {"params": each, "lr": lr, "weight_decay": decay, "betas": betas, "eps": eps}
        for (lr, decay, betas, eps), each in merged.items()
    ]


def _constants(name: str, settings: Optimiser, transfer: Transfer) -> tuple[float, float, tuple[float, float], float]:
    """Peak learning rate, weight decay, betas and eps of a group."""
    group: Group = Group() if name == HIDDEN else getattr(settings, name)
    lr, decay = settings.lr * group.lr_ratio * transfer.lr, settings.weight_decay * group.decay_ratio * transfer.decay
    if name == HIDDEN:
        lr, decay = lr * transfer.matrix_lr, decay * transfer.matrix_decay
    beta1 = settings.beta1 if group.beta1 is None else group.beta1
    beta2 = settings.beta2 if group.beta2 is None else group.beta2
    return lr, decay, (beta1, beta2), settings.eps if group.eps is None else group.eps
