"""SOAP (Vyas et al. 2024): Adam in the eigenbases of Shampoo's preconditioner, for the hidden matrices; AdamW for the
rest.

The gradient of an (out, in) map is rotated into the eigenbases of the running means of GGᵀ and GᵀG; there it goes
through Adam, and back. Between its updates, every `soap_every` steps, a basis stays as it is. Query, key and value
(and SwiGLU's gate and value) are maps of their own, as for Muon; `spec.optimiser_flops` counts the same products.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from assay.spec.recipe import Optimiser
from assay.spec.transfer import UNCHANGED, Transfer
from assay.training.model import GPT, HiddenMatrix
from assay.training.optimisers.adamw import adamw
from assay.training.optimisers.decay import decaying
from assay.training.optimisers.groups import REST, groups

RIDGE = 1e-3  # of a covariance's mean eigenvalue


def regular(covariance: Tensor) -> Tensor:
    """A covariance (n, n) plus a diagonal that falls from `RIDGE` of its mean eigenvalue towards 0.

    In directions in which there was hardly a gradient yet, eigenvectors are any, so that rounding would choose them:
    after one batch that is most of a tall map's directions. With the ridge they stay close to the coordinates, and two
    ways to add up the same gradient give the same training.
    """
    falling = torch.arange(len(covariance), 0, -1, dtype=covariance.dtype, device=covariance.device) / len(covariance)
    return covariance + (RIDGE * covariance.diagonal().mean() * falling).diag()


def eigenbasis(gradient: Tensor) -> Tensor:
    """Eigenvectors (r, r) of the covariance GGᵀ of a gradient (r, c), in columns, the largest eigenvalue first.

    In double precision, because the covariance's own rounding would hide the ridge. `eigh` stores by columns;
    checkpoints store by rows, and products round as memory lies.
    """
    gradient = gradient.double()
    return torch.linalg.eigh(regular(gradient @ gradient.mT)).eigenvectors.flip(1).contiguous()


def refined(covariance: Tensor, basis: Tensor) -> Tensor:
    """One step of orthogonal iteration from an old basis (Vyas et al. 2024, algorithm 4).

    Columns stay in their order: sorting them by estimated eigenvalues, as the authors' code does, changes the basis at
    once where two of them come to coincide.
    """
    return torch.linalg.qr(regular(covariance) @ basis).Q


class Soap(torch.optim.Optimizer):
    """SOAP over hidden matrices.

    Step (algorithm 3, with the first moment kept in the rotated basis, and rotated along whenever that changes):
    g' ← QₗᵀGQᵣ; m ← β₁m + (1-β₁)g'; v ← β₂v + (1-β₂)g'²; W ← W - lr·(decay·W + Qₗ(m̂ / (√v̂ + ε))Qᵣᵀ), with Adam's
    corrections of the moments' bias; then the covariances take in G, and the bases follow every `every` steps. As in
    the authors' code the first gradient only makes the bases, so that no gradient is rotated by a basis that knows it.
    """

    whole_matrices = True

    def __init__(
        self, matrices: list[HiddenMatrix], lr: float, betas: tuple[float, float], eps: float, weight_decay: float,
        covariance_beta: float, every: int, cautious: bool = False,
    ) -> None:  # fmt: skip
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "cautious": cautious}
        super().__init__([matrix.weight for matrix in matrices], defaults)
        self.rows = [matrix.rows for matrix in matrices]
        self.covariance_beta, self.every = covariance_beta, every

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        assert closure is None
        group: dict[str, Any] = self.param_groups[0]
        for weight, rows in zip(group["params"], self.rows, strict=True):
            assert weight.grad is not None
            state = self.state[weight]
            blocks = list(zip(range(len(rows)), weight.split(rows), weight.grad.split(rows), strict=True))
            if not state:
                state["step"] = torch.zeros(())
                for number, _, gradient in blocks:
                    self._begin(state, f"{number}.", gradient)
            else:
                state["step"] += 1
                for number, target, gradient in blocks:
                    self._update(state, f"{number}.", target, gradient, group)

    def _begin(self, state: dict[str, Tensor], at: str, gradient: Tensor) -> None:
        """State of a map (r, c) after its first gradient: covariances (r, r) and (c, c), their bases, two moments."""
        state[at + "rows"] = (1 - self.covariance_beta) * (gradient @ gradient.mT)
        state[at + "columns"] = (1 - self.covariance_beta) * (gradient.mT @ gradient)
        state[at + "left"] = eigenbasis(gradient).to(gradient.dtype)
        state[at + "right"] = eigenbasis(gradient.mT).to(gradient.dtype)
        state[at + "mean"], state[at + "square"] = torch.zeros_like(gradient), torch.zeros_like(gradient)

    def _update(
        self, state: dict[str, Tensor], at: str, weight: Tensor, gradient: Tensor, group: dict[str, Any]
    ) -> None:
        """One step of one map; `at` begins the names of its state."""
        step, (beta1, beta2) = int(state["step"].item()), group["betas"]
        left, right, mean, square = (state[at + name] for name in ("left", "right", "mean", "square"))
        rotated = left.mT @ gradient @ right
        mean.lerp_(rotated, 1 - beta1)
        square.mul_(beta2).addcmul_(rotated, rotated, value=1 - beta2)
        denominator = square.div(1 - beta2**step).sqrt_().add_(group["eps"])
        update = left @ (mean / (1 - beta1**step)).div_(denominator) @ right.mT
        weight.sub_(decaying(weight, update, group["cautious"]), alpha=group["lr"] * group["weight_decay"])
        weight.sub_(update, alpha=group["lr"])

        rows, columns = state[at + "rows"], state[at + "columns"]
        rows.lerp_(gradient @ gradient.mT, 1 - self.covariance_beta)
        columns.lerp_(gradient.mT @ gradient, 1 - self.covariance_beta)
        if step % self.every == 0:
            new_left, new_right = refined(rows, left), refined(columns, right)
            mean.copy_(new_left.mT @ (left @ mean @ right.mT) @ new_right)
            left.copy_(new_left)
            right.copy_(new_right)


def build(model: GPT, settings: Optimiser, transfer: Transfer = UNCHANGED) -> tuple[torch.optim.Optimizer, ...]:
    """SOAP on the hidden matrices, AdamW on embeddings, head, norms and biases."""
    hidden = Soap(
        model.hidden_matrices(),
        lr=settings.soap_lr * transfer.lr * transfer.matrix_lr,
        betas=(settings.beta1, settings.beta2),
        eps=settings.eps,
        weight_decay=settings.weight_decay * transfer.decay * transfer.matrix_decay,
        covariance_beta=settings.soap_beta,
        every=settings.soap_every,
        cautious=settings.cautious_decay,
    )
    return adamw(groups(model, settings, transfer, REST), settings), hidden
