"""Weight matrices as optimisers of matrices see them."""

from typing import NamedTuple

from torch import nn


class HiddenMatrix(NamedTuple):
    """A weight matrix inside the layers, and the rows of each of the separate maps that are stacked in it."""

    weight: nn.Parameter
    rows: tuple[int, ...]
