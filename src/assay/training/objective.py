"""What a training step makes small: the cross-entropy of the next token."""

from contextlib import nullcontext
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from assay.corpus.loader import Batch
from assay.corpus.packed import IGNORED
from assay.spec.hardware import Hardware
from assay.spec.recipe import Recipe
from assay.training.model import GPT


class TokenBatch(NamedTuple):
    """A batch on the model's device. Fields as in `assay.corpus.loader.Batch`, all of shape (B, T)."""

    tokens: Tensor
    targets: Tensor
    documents: Tensor | None = None

    @classmethod
    def of(cls, batch: Batch, device: torch.device) -> "TokenBatch":
        """The loader's arrays as tensors on a device, which they reach while the program goes on.

        On a CPU the tensors share the arrays' memory.
        """
        arrays = (batch.tokens, batch.targets, batch.documents)
        tensors = [None if array is None else torch.from_numpy(array) for array in arrays]
        if device.type != "cpu":
            tensors = [each if each is None else each.pin_memory().to(device, non_blocking=True) for each in tensors]
        return cls(*cast(tuple[Tensor, Tensor, Tensor | None], tensors))


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
        total = total + recipe.optimiser.z_loss * (logits_BTV.float().logsumexp(-1).square() * real).sum() / real.sum()
    return Losses(total, nats_BT.detach())


class Objective(nn.Module):
    """`objective` as a module that knows its model, for what wraps, compiles or replaces a module's weights.

    `Objective(model, recipe, hardware)(tokens, targets, documents)` gives the two fields of `Losses`, with matrix
    products in the hardware's precision: under autocast weights stay fp32, and so do losses and norms.
    """

    def __init__(self, model: GPT, recipe: Recipe, hardware: Hardware) -> None:
        super().__init__()
        self.model = model
        self._recipe = recipe
        self._bf16 = hardware.precision == "bf16"

    def forward(self, tokens: Tensor, targets: Tensor, documents: Tensor | None) -> tuple[Tensor, Tensor]:
        half = torch.autocast(tokens.device.type, torch.bfloat16) if self._bf16 else nullcontext()
        with half:
            losses = objective(self.model, TokenBatch(tokens, targets, documents), self._recipe)
        return losses.total, losses.nats_BT
