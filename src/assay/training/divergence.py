"""When a training has diverged, which is a result and not a crash."""

import math

SMOOTHING = 0.9  # each loss weighs a tenth, so that a single bad batch does not end a run
EXPLOSION = 1.5  # times what guessing all tokens alike would cost


class Divergence:
    """Watches losses. A run has diverged when

    - a loss or gradient norm is not finite, at any step; or
    - after the warm-up, the exponentially smoothed loss is above 1.5·ln(vocabulary): half as much again as the loss
      of a model that guesses uniformly, which no run that learns comes back to.

    `smoothed` is all its memory, for checkpoints.
    """

    def __init__(self, vocab: int, warmup_steps: int, smoothed: float | None = None) -> None:
        self.limit = EXPLOSION * math.log(vocab)
        self.warmup_steps = warmup_steps
        self.smoothed = smoothed

    def seen(self, step: int, loss: float, gradient_norm: float) -> str | None:
        """Take in step number `step` (from 1); the reason if the run has diverged."""
        if not (math.isfinite(loss) and math.isfinite(gradient_norm)):
            return f"step {step}: loss {loss}, gradient norm {gradient_norm}"
        self.smoothed = loss if self.smoothed is None else SMOOTHING * self.smoothed + (1 - SMOOTHING) * loss
        if step > self.warmup_steps and self.smoothed > self.limit:
            return f"step {step}: smoothed loss {self.smoothed:.3f} is above {self.limit:.3f} (1.5 ln vocabulary)"
        return None
