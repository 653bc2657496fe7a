"""Several models of one shape as one: weights stacked, so that a single pass serves all of them.

A small model's step is mostly the cost of starting operations, above all on a GPU. Stacked, K models start as many
operations as one. Each model keeps its own parameters and gets its own gradients, so that optimisers, checkpoints and
signals work on it as if it were alone; its numbers agree with those of its lone run up to the order of sums.

The forward pass is the model's own code under `torch.vmap`, with `functional_call` putting a slice of the stacks in
place of its weights (PyTorch's "Model ensembling" tutorial). Stacking copies the weights once a step, which is little
beside what a step does with each of them for every token.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from assay.spec.hardware import Hardware
from assay.spec.recipe import Recipe
from assay.training.model import GPT
from assay.training.objective import Losses, Objective, TokenBatch


class Pack:
    """Models of one architecture that share their passes.

    Args:
        models: equal in everything but their weights.
        recipe: what the objective is read from; all models' recipes agree on it.
        hardware: its precision.
    """

    def __init__(self, models: Sequence[GPT], recipe: Recipe, hardware: Hardware) -> None:
        self._parameters = [dict(model.named_parameters(prefix="model")) for model in models]
        self._objective = Objective(models[0], recipe, hardware)

    def losses(self, batches: Sequence[TokenBatch]) -> tuple[Tensor, list[Losses]]:
        """Losses of each model on its own batch; all batches have one size.

        Returns:
            A scalar whose gradient is, for every model's parameters, that of its own loss; and the losses.
        """
        stacks = {name: torch.stack([each[name] for each in self._parameters]) for name in self._parameters[0]}
        tokens = torch.stack([batch.tokens for batch in batches])
        targets = torch.stack([batch.targets for batch in batches])
        documents = [batch.documents for batch in batches if batch.documents is not None]
        packed: Any = torch.vmap(self._one, in_dims=(0, 0, 0, 0 if documents else None))
        # PyTorch's fused attention for CPUs has no batching rule: `vmap` would call it for one model after the other.
        with sdpa_kernel(SDPBackend.MATH) if tokens.device.type == "cpu" else nullcontext():
            total_K, nats_KBT = packed(stacks, tokens, targets, torch.stack(documents) if documents else None)
        return total_K.sum(), [Losses(one, nats) for one, nats in zip(total_K.detach(), nats_KBT, strict=True)]

    def _one(
        self, weights: dict[str, Tensor], tokens: Tensor, targets: Tensor, documents: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        return functional_call(self._objective, weights, (tokens, targets, documents))
