"""Flat at the peak, then 1 − √ to `final` in the last part (Hägele et al. 2024, section 3.1).

It falls steeply at first and slowly at the end, which their comparison of cooldowns finds better than a straight line.
"""

import math

from assay.spec.recipe import Schedule
from assay.training.schedules.cooldown import progress
from assay.training.schedules.warmup import rise, warmup_steps


def factor(step: int, steps: int, schedule: Schedule) -> float:
    """Multiplier on the peak learning rate."""
    warmup = warmup_steps(steps, schedule)
    if step < warmup:
        return rise(step, warmup)
    return 1 - (1 - schedule.final) * math.sqrt(progress(step, steps, schedule))
