"""Decoupled weight decay, plain or cautious."""

from torch import Tensor


def decaying(weight: Tensor, update: Tensor, cautious: bool) -> Tensor:
    """What decay is a share of: the weights; if cautious, 0 where the step −update moves a weight away from zero.

    Source: Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization"; cautious: Chen et al. 2025, "Cautious
    Weight Decay", algorithm 1, which decays where update·W ≥ 0.
    """
    return weight * (update * weight >= 0) if cautious else weight
