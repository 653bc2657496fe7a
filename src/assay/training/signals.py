"""What a step tells about the training: losses, norms, rates, speed. Nothing here changes what is trained."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

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
from assay.training.weight_sample import WeightSample

PHASES = ("data", "forward", "backward", "optimiser", "signals", "checkpoint")


class Look(NamedTuple):
    """What was measured on tensors after a step; dictionaries by domain or by group of parameters."""

    loss: float
    losses: dict[str, float]
    grad_norm: float
    grad_norms: dict[str, float]
    weight_norms: dict[str, float]
    update_ratios: dict[str, float]


class Signals:
    """Measures steps, and makes the lines of `metrics.jsonl`.

    Groups of parameters are those of `GPT.parameter_groups`: hidden, embedding, head, vectors.

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
        self._peak = peak_flops(state.device, hardware.precision) * state.team.world

    def look(self, losses: Losses, norms: Tensor, batch: Batch) -> Look:
        """Measure the step that has just been done, reading everything at once, so that a device is waited for once.

        Args:
            losses: of its batch.
            norms: of its gradients before clipping, in the order of the model's parameters.
            batch: whose they are.
        """
        nats_B = losses.nats_BT.sum(1)
        targets_B = np.count_nonzero(batch.targets != IGNORED, axis=1).tolist()
        moved = self._sample.step()
        moved_norms = self._state.whole_norms(torch.cat(moved))
        read = torch.cat([nats_B, norms, moved_norms]).tolist()
        rows, gradients = read[: len(targets_B)], read[len(targets_B) : -2 * len(self._groups)]
        weights, updates = read[-2 * len(self._groups) : -len(self._groups)], read[-len(self._groups) :]

        whole = math.fsum(rows) if all(map(math.isfinite, rows)) else math.nan
        nats_D, targets_D = [0.0] * len(self._domains), [0.0] * len(self._domains)
        for domain, row, size in zip(batch.domains.tolist(), rows, targets_B, strict=True):
            nats_D[domain] += row
            targets_D[domain] += size
        whole, *by_domain = self._state.team.sum([whole, *nats_D, *targets_D])
        nats_D, targets_D = by_domain[: len(nats_D)], by_domain[len(nats_D) :]
        squares = [0.0] * len(self._groups)
        for group, norm in zip(self._group_of, gradients, strict=True):
            squares[group] += norm * norm
        ratios = [update / weight if weight else 0.0 for update, weight in zip(updates, weights, strict=True)]
        return Look(
            loss=whole / sum(targets_D),
            losses={
                name: nats / targets
                for name, nats, targets in sorted(zip(self._domains, nats_D, targets_D, strict=True))
                if targets
            },
            grad_norm=math.sqrt(sum(squares)),
            grad_norms=self._named([math.sqrt(square) for square in squares]),
            weight_norms=self._named(weights),
            update_ratios=self._named(ratios),
        )

    def inside(self, batch: TokenBatch) -> dict[str, Any]:
        """What `probe.look_inside` sees, after each hundredth step and the last one; else nothing."""
        step = self._state.position.step + 1
        if step % probe.EVERY and step != self._state.position.shape.steps:
            return {}
        with self._state.callable_model() as model:
            return {"inside": _tidy(probe.look_inside(model, batch))}

    def row(self, look: Look, inside: dict[str, Any], tokens: int, phases: dict[str, float]) -> dict[str, Any]:
        """The line of the step that `position` has just counted.

        Args:
            look: what was measured.
            inside: what `inside` gave.
            tokens: of its batch that were learned from.
            phases: seconds it spent, by what they were spent on.
        """
        state, position, shape = self._state, self._state.position, self._state.position.shape
        seconds = math.fsum(phases.values()) - phases.get("checkpoint", 0.0)
        flops = shape.phase_at(position.step - 1).flops
        rates = {name: settings["lr"] for name, settings in self._settings.items()}
        return {
            "step": position.step,
            "tokens": position.tokens,
            "loss": look.loss if math.isfinite(look.loss) else None,
            "losses": _tidy(look.losses),
            "lr": state.run.recipe.optimiser.lr * state.factor,
            "lrs": _tidy(rates),
            "grad_norm": look.grad_norm if math.isfinite(look.grad_norm) else None,
            "grad_norms": _tidy(look.grad_norms),
            "weight_norms": _tidy(look.weight_norms),
            "update_ratios": _tidy(look.update_ratios),
            "tokens_per_second": round(tokens / seconds, 1),
            "mfu": round(flops / seconds / self._peak, 4),
            "ms": {phase: round(1e3 * phases[phase], 3) for phase in PHASES if phase in phases},
            "memory_mb": round(environment.peak_memory_mb(state.device), 1),
            "seconds": round(position.seconds, 4),
        } | inside

    def _named(self, values: Sequence[float]) -> dict[str, float]:
        return dict(zip(self._groups, values, strict=True))


def _tidy(value: Any) -> Any:
    """Numbers, in lists and tables too, to six digits; None for what JSON cannot say."""
    if isinstance(value, dict):
        return {name: _tidy(each) for name, each in cast(dict[str, Any], value).items()}
    if isinstance(value, list):
        return [_tidy(each) for each in cast(list[Any], value)]
    return float(f"{value:.6g}") if math.isfinite(value) else None
