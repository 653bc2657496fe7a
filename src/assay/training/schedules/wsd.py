"""Warm-up, stable, decay (Hu et al. 2024): flat at the peak, then a straight line to `final` in the last part."""

from assay.spec.recipe import Schedule
from assay.training.schedules.cooldown import progress
from assay.training.schedules.warmup import rise, warmup_steps


def factor(step: int, steps: int, schedule: Schedule) -> float:
    """Multiplier on the peak learning rate."""
    warmup = warmup_steps(steps, schedule)
    if step < warmup:
        return rise(step, warmup)
    return 1 - (1 - schedule.final) * progress(step, steps, schedule)
