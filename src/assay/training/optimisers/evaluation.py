"""The weights that a finished run is judged by."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn


def evaluation_weights(
    weights: Mapping[str, Tensor], parameters: Mapping[str, nn.Parameter], optimisers: Iterable[torch.optim.Optimizer]
) -> dict[str, Tensor]:
    """A model's tensors as evaluation wants them, by name: its own, but where an optimiser says otherwise.

    Args:
        weights: the model's tensors.
        parameters: those that its optimisers hold.
        optimisers: of the model.
    """
    other: dict[nn.Parameter, Tensor] = {}
    for optimiser in optimisers:
        if hasattr(optimiser, "evaluation_weights"):
            other |= optimiser.evaluation_weights()  # pyright: ignore[reportAttributeAccessIssue]
    return {**weights, **{name: other[parameter] for name, parameter in parameters.items() if parameter in other}}
