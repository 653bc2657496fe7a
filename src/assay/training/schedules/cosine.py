"""Half a cosine from the peak to `final` (Loshchilov & Hutter 2017), after the warm-up."""

import math

from assay.spec.recipe import Schedule
from assay.training.schedules.warmup import rise, warmup_steps


def factor(step: int, steps: int, schedule: Schedule) -> float:
    """Multiplier on the peak learning rate."""
    warmup = warmup_steps(steps, schedule)
    if step < warmup:
        return rise(step, warmup)
    progress = (step - warmup) / (steps - warmup)
    return schedule.final + (1 - schedule.final) * 0.5 * (1 + math.cos(math.pi * progress))
