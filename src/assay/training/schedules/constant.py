"""Flat at the peak after the warm-up: for optimisers that need no decay, such as Schedule-Free AdamW."""

from assay.spec.recipe import Schedule
from assay.training.schedules.warmup import rise, warmup_steps


def factor(step: int, steps: int, schedule: Schedule) -> float:
    """Multiplier on the peak learning rate."""
    warmup = warmup_steps(steps, schedule)
    return rise(step, warmup) if step < warmup else 1.0
