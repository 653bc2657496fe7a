"""What a step tells about the training: losses, norms, rates, speed. Nothing here changes what is trained."""

import math
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from assay.corpus.loader import Batch
from assay.corpus.packed import IGNORED
from assay.spec.hardware import Hardware
from assay.training import environment, probe
from assay.training.objective import Losses, TokenBatch
from assay.training.peak import peak_flops
from assay.training.state import TrainingState
from assay.training.weight_sample import STEPS, WeightSample

PHASES = ("data", "forward", "backward", "optimiser", "signals", "checkpoint")
WRITE_SECONDS = 1.0


class Look(NamedTuple):
    """What has to be known of a step at once."""

    loss: float
    """Mean cross-entropy of its batch, nats a token."""
    grad_norm: float
    nats_BT: Tensor
    norms: Tensor
    batch: Batch


class Signals:
    """Measures steps, and makes the lines of `metrics.jsonl`.

    Most of the work waits until some steps have gone by: what runs once a step finds its code and data gone from the
    processor's caches, and takes several times as long. Groups of parameters are those of `GPT.parameter_groups`:
    hidden, embedding, head, vectors.

    Args:
        state: the run under way.
        domains: names that the batches' domain numbers stand for.
        hardware: what it is computed on.
    """

    def __init__(self, state: TrainingState, domains: Sequence[str], hardware: Hardware) -> None:
        self._state = state
        self._domains = domains
        groups = {name: group for name, group in state.model.parameter_groups().items() if group}
        self._groups = tuple(groups)
        self._sample = WeightSample({name: state.local(group) for name, group in groups.items()})
        numbers = {id(parameter): i for i, group in enumerate(groups.values()) for parameter in group}
        self._group_of = [numbers[id(parameter)] for parameter in state.model.parameters()]
        self._settings = {name: state.constants(group[0]) for name, group in groups.items()}
        self._ignores = state.run.recipe.data.packing == "best_fit"  # else every token has a target
        self._peak = peak_flops(state.device, hardware.precision) * state.team.world

        self._kept: list[tuple[Look, dict[str, Any]]] = []
        self._written = -math.inf  # the first line comes at once

    def look(self, losses: Losses, norms: Tensor, norm: Tensor, batch: Batch) -> Look:
        """Measure the step that has just been done.

        Args:
            losses: of its batch.
            norms: of its gradients before clipping, in the order of the model's parameters.
            norm: of all of them together.
            batch: whose they are.
        """
        self._sample.look()
        tokens = np.count_nonzero(batch.targets != IGNORED) if self._ignores else batch.targets.size
        nats, tokens = self._state.team.sum([losses.nats_BT.sum(dtype=torch.float64).item(), float(tokens)])
        return Look(nats / tokens, norm.item(), losses.nats_BT, norms, batch)

    def by_domain(self, look: Look) -> dict[str, float]:
        """Mean loss of each domain in a batch."""
        rows = look.nats_BT.sum(1, dtype=torch.float64).tolist()
        nats_D, targets_D = [0.0] * len(self._domains), [0.0] * len(self._domains)
        sizes = np.count_nonzero(look.batch.targets != IGNORED, axis=1).tolist()
        for domain, row, size in zip(look.batch.domains.tolist(), rows, sizes, strict=True):
            nats_D[domain] += row
            targets_D[domain] += size
        whole = self._state.team.sum([*nats_D, *targets_D])
        pairs = zip(self._domains, whole[: len(nats_D)], whole[len(nats_D) :], strict=True)
        return {name: nats / targets for name, nats, targets in sorted(pairs) if targets}

    def inside(self, batch: TokenBatch) -> dict[str, Any]:
        """What `probe.look_inside` sees, after each two-hundredth step and the last one; else nothing."""
        step = self._state.position.step + 1
        if step % probe.EVERY and step != self._state.position.shape.steps:
            return {}
        with self._state.callable_model() as model:
            return {"inside": probe.look_inside(model, batch)}

    def note(self, look: Look, inside: dict[str, Any], tokens: int, phases: dict[str, float]) -> None:
        """Keep what the line of the step that `position` has just counted will say.

        Args:
            look: what was measured.
            inside: what `inside` gave.
            tokens: of its batch that were learned from.
            phases: seconds it spent, by what they were spent on.
        """
        position = self._state.position
        told = {
            "step": position.step,
            "tokens": position.tokens,
            "batch_tokens": tokens,
            "lr": self._state.run.recipe.optimiser.lr * self._state.factor,
            "lrs": [settings["lr"] for settings in self._settings.values()],
            "phases": phases,
            "seconds": position.seconds,
            **inside,
        }
        self._kept.append((look, told))

    @property
    def due(self) -> bool:
        """Whether `rows` should be asked for now; it must be before more than `weight_sample.STEPS` are kept."""
        late = self._state.team.world == 1 and time.monotonic() - self._written >= WRITE_SECONDS  # clocks differ
        return late or len(self._kept) == STEPS

    def rows(self) -> list[dict[str, Any]]:
        """The lines of all steps since the last call. All processes together."""
        moved = self._sample.read()
        pairs = zip(*(self._state.whole_norms(norms).tolist() for norms in moved), strict=True)
        memory = round(environment.peak_memory_mb(self._state.device), 1)
        rows = [
            self._row(look, told, weights, updates, memory)
            for (look, told), (weights, updates) in zip(self._kept, pairs, strict=True)
        ]
        self._kept.clear()
        self._written = time.monotonic()
        return rows

    def _row(
        self, look: Look, told: dict[str, Any], weights: list[float], updates: list[float], memory_mb: float
    ) -> dict[str, Any]:
        phases, tokens = told["phases"], told["batch_tokens"]
        seconds = math.fsum(phases.values()) - phases.get("checkpoint", 0.0)
        flops = self._state.position.shape.phase_at(told["step"] - 1).flops
        squares = [0.0] * len(self._groups)
        for group, norm in zip(self._group_of, look.norms.tolist(), strict=True):
            squares[group] += norm * norm
        row = {
            "step": told["step"],
            "tokens": told["tokens"],
            "loss": look.loss if math.isfinite(look.loss) else None,
            "losses": self.by_domain(look),
            "lr": told["lr"],
            "lrs": self._named(told["lrs"]),
            "grad_norm": look.grad_norm if math.isfinite(look.grad_norm) else None,
            "grad_norms": self._named([math.sqrt(square) for square in squares]),
            "weight_norms": self._named(weights),
            "update_ratios": self._named([u / w if w else 0.0 for u, w in zip(updates, weights, strict=True)]),
            "tokens_per_second": round(tokens / seconds, 1),
            "mfu": round(flops / seconds / self._peak, 4),
            "ms": {phase: round(1e3 * phases[phase], 3) for phase in PHASES if phase in phases},
            "memory_mb": memory_mb,
            "seconds": round(told["seconds"], 4),
        }
        return row | ({"inside": told["inside"]} if "inside" in told else {})

    def _named(self, values: Sequence[float]) -> dict[str, float]:
        return dict(zip(self._groups, values, strict=True))
