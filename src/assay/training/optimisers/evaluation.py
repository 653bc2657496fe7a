"""The weights that a finished run is judged by."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def evaluation_weights(model: nn.Module, optimisers: Iterable[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """The model's tensors as evaluation wants them, by name: its own, but where an optimiser says otherwise."""
    other: dict[nn.Parameter, Tensor] = {}
    for optimiser in optimisers:
        if hasattr(optimiser, "evaluation_weights"):
            other |= optimiser.evaluation_weights()  # pyright: ignore[reportAttributeAccessIssue]
    names = {name: other[parameter] for name, parameter in model.named_parameters() if parameter in other}
    return {**model.state_dict(), **names}
