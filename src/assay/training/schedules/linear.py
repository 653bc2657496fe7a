"""A straight line from the peak to `final`, after the warm-up (with `final` 0: Bergsma et al. 2025)."""

from assay.spec.recipe import Schedule
from assay.training.schedules.warmup import rise, warmup_steps


def factor(step: int, steps: int, schedule: Schedule) -> float:
    """Multiplier on the peak learning rate."""
    warmup = warmup_steps(steps, schedule)
    if step < warmup:
        return rise(step, warmup)
    return 1 - (1 - schedule.final) * (step - warmup) / (steps - warmup)
