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
    """Cross-entropy of each token, detached; 0 for padding."""


def objective(model: GPT, batch: TokenBatch, _recipe: Recipe) -> Losses:
    """The loss of a batch under a recipe."""
    logits_BTV = model(batch.tokens, batch.documents)
    targets = batch.targets.flatten()
    nats_BT = F.cross_entropy(
        logits_BTV.flatten(0, 1), targets, ignore_index=IGNORED, reduction="none"
    ).view_as(batch.tokens)  # fmt: skip
    return Losses(nats_BT.sum() / (targets != IGNORED).sum(), nats_BT.detach())
