"""Initial weights.

A scheme says with what deviation a matrix is drawn from a normal distribution around 0; `model.init_ratio` multiplies
it. Gains, biases and learned scalars begin at the constants that their modules say.
"""

import hashlib
import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from assay.spec.recipe import Model
from assay.spec.scale import Shape


class Matrix(NamedTuple):
    """What a scheme knows of a matrix: its inputs a row, whether it writes to the stream, whether it is a layer's."""

    inputs: int
    writes: bool
    hidden: bool


def gpt2(matrix: Matrix, shape: Shape) -> float:
    """0.02, divided by √(2·depth) where a block writes to the residual stream (Radford et al. 2019).

    Under muP both sizes are the base's: deviations of hidden matrices then follow the width (`spec/transfer.py`).
    """
    depth = shape.depth / shape.transfer.depth
    deviation = 0.02 / math.sqrt(2 * depth) if matrix.writes else 0.02
    return deviation * shape.transfer.deviation if matrix.hidden else deviation


def fan_in(matrix: Matrix, _: Shape) -> float:
    """1/√inputs, which keeps the variance of what goes through (LeCun et al. 1998).

    A table that is looked up has one input, so its entries have variance 1; a tied one is drawn as the output matrix.
    """
    return 1 / math.sqrt(matrix.inputs)


def zero_residual(matrix: Matrix, shape: Shape) -> float:
    """As fan_in, but every block begins by writing nothing (Zhang et al. 2019, "Fixup"; modded-nanogpt)."""
    return 0.0 if matrix.writes else fan_in(matrix, shape)


SCHEMES = {"gpt2": gpt2, "fan_in": fan_in, "zero_residual": zero_residual}


def described(name: str, weight: Tensor, tied: bool) -> Matrix:
    """What a scheme has to know of the parameter `name`."""
    if name == "positions" or name.endswith("embedding.weight"):
        of_the_stream = not name.startswith("layers.")
        return Matrix(weight.shape[1] if tied and of_the_stream else 1, writes=False, hidden=False)
    writes = name.endswith(("attention.out.weight", "down.weight"))
    return Matrix(weight.shape[1], writes, hidden=name.startswith("layers."))


@torch.no_grad()
def initialise(model: nn.Module, shape: Shape, settings: Model, seed: int) -> None:
    """Draw every matrix.

    Each weight has its own random stream, named by seed and weight. Two recipes with the same seed thus start
    from the same numbers wherever their shapes agree, which makes their difference less noisy.
    """
    scheme = SCHEMES[settings.init]
    for name, weight in model.named_parameters():
        if weight.ndim < 2:
            if name.endswith("bias"):
                weight.zero_()
            continue
        deviation = settings.init_ratio * scheme(described(name, weight, settings.tied_embeddings), shape)
        stream = int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:8], "little", signed=True)
        weight.normal_(0.0, deviation, generator=torch.Generator().manual_seed(stream))
