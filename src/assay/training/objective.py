"""What a training step makes small: the cross-entropy of the next token."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from assay.corpus.loader import Batch
from assay.corpus.packed import IGNORED
from assay.spec.recipe import Recipe
from assay.training.model import GPT


class TokenBatch(NamedTuple):
    """A batch on the model's device. Fields as in `assay.corpus.loader.Batch`, all of shape (B, T)."""

    tokens: Tensor
    targets: Tensor
    documents: Tensor | None = None

    @classmethod
    def of(cls, batch: Batch) -> "TokenBatch":
        """The loader's arrays as tensors, which share their memory."""
        documents = None if batch.documents is None else torch.from_numpy(batch.documents)
        return cls(torch.from_numpy(batch.tokens), torch.from_numpy(batch.targets), documents)


class Losses(NamedTuple):
    """What a forward pass comes to."""

    total: Tensor
    """Scalar to differentiate: mean cross-entropy of what is not padding, and whatever the recipe adds to it."""
    nats_BT: Tensor
    """Cross-entropy of each token, detached; 0 for padding, and without what the recipe adds."""


def objective(model: GPT, batch: TokenBatch, recipe: Recipe) -> Losses:
    """The loss of a batch under a recipe: cross-entropy, and z_loss times the mean of (ln Σ exp logits)².

    Source: Chowdhery et al. 2022, "PaLM", section 5, for the z-loss, which keeps the softmax's normaliser near 1.
    """
    logits_BTV = model(batch.tokens, batch.documents)
    targets = batch.targets.flatten()
    nats_BT = F.cross_entropy(
        logits_BTV.flatten(0, 1), targets, ignore_index=IGNORED, reduction="none"
    ).view_as(batch.tokens)  # fmt: skip
    real = batch.targets != IGNORED
    total = nats_BT.sum() / real.sum()
    if recipe.optimiser.z_loss:
        total = total + recipe.optimiser.z_loss * (logits_BTV.logsumexp(-1).square() * real).sum() / real.sum()
    return Losses(total, nats_BT.detach())
