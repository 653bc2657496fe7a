"""Weight matrices as optimisers of matrices see them."""

from typing import NamedTuple

from torch import Tensor


class HiddenMatrix(NamedTuple):
    """A weight matrix inside the layers, and the rows of each of the separate maps that are stacked in it."""

    weight: Tensor
    rows: tuple[int, ...]
