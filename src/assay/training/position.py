"""Where a run is: what a resumed one needs besides tensors, and what a result says."""

import math
import statistics
from collections import deque
from typing import Any

import torch

from assay.spec.run import Drawn, TrainingResult
from assay.spec.scale import Shape
from assay.training import environment
from assay.training.devices.device import CPU

STEP_TIMES = 1000  # the median step time is over the last so many


class Position:
    """Steps, tokens and seconds spent, and the losses that a result is made of.

    Args:
        shape: the run's model and length.
        state: what `state()` gave when it was saved; empty for a run that begins.
        device: where it is trained.
        precision: of its matrix products.
    """

    def __init__(
        self, shape: Shape, state: dict[str, Any], device: torch.device = CPU, precision: str = "fp32"
    ) -> None:
        self.shape, self.device, self._precision = shape, device, precision
        self.step: int = state.get("step", 0)
        self.tokens: int = state.get("tokens", 0)
        self.seconds: float = state.get("seconds", 0.0)
        self.half_loss: float | None = state.get("half_loss")
        self.smoothed_loss: float | None = state.get("smoothed_loss")
        self.peak_memory_mb: float = state.get("peak_memory_mb", 0.0)
        self.losses = deque[float](state.get("losses", ()), maxlen=max(1, shape.steps // 10))
        self.step_seconds = deque[float](state.get("step_seconds", ()), maxlen=STEP_TIMES)

    @property
    def finished(self) -> bool:
        """Whether every step is done."""
        return self.step >= self.shape.steps

    def mean_loss(self) -> float:
        """Mean training loss of the last tenth of the run (of what there is of it, early on)."""
        return math.fsum(self.losses) / len(self.losses)

    def advance(self, loss: float, tokens: int, seconds: float) -> None:
        """Count a finished step."""
        self.step += 1
        self.tokens += tokens
        self.seconds += seconds
        self.losses.append(loss)
        self.step_seconds.append(seconds)
        if self.step == max(1, self.shape.steps // 2):
            self.half_loss = self.mean_loss()

    def state(self) -> dict[str, Any]:
        """Plain data for `state.json`; floats survive JSON to the last bit."""
        return {
            "step": self.step,
            "tokens": self.tokens,
            "seconds": self.seconds,
            "half_loss": self.half_loss,
            "smoothed_loss": self.smoothed_loss,
            "peak_memory_mb": max(self.peak_memory_mb, environment.peak_memory_mb(self.device)),
            "losses": list(self.losses),
            "step_seconds": list(self.step_seconds),
        }

    def result(self, status: str, domains: dict[str, Drawn]) -> TrainingResult:
        """What `result.json` says of a training that ends here, having read so much of each domain."""
        loss = self.mean_loss() if self.losses else None
        return TrainingResult.parse(
            {
                "status": status,
                "steps": self.step,
                "tokens": self.tokens,
                "flops": self.shape.flops_after(self.step),
                "loss": loss if loss is not None and math.isfinite(loss) else None,
                "half_loss": self.half_loss,
                "seconds": self.seconds,
                "step_ms": 1e3 * statistics.median(self.step_seconds) if self.step_seconds else 0.0,
                "peak_memory_mb": max(self.peak_memory_mb, environment.peak_memory_mb(self.device)),
                "parameters": self.shape.parameters,
                "domains": {name: drawn.model_dump() for name, drawn in domains.items()},
                "environment": environment.describe(self.device, self._precision),
            },
            "result.json",
        )
