"""The linear rise that every schedule begins with."""

from assay.spec.recipe import Schedule


def warmup_steps(steps: int, schedule: Schedule) -> int:
    """Number of steps in the rise."""
    return round(schedule.warmup * steps)


def rise(step: int, warmup: int) -> float:
    """(step + 1) / (warmup + 1), as nanoGPT has it: the first step already moves, and step `warmup` is at the peak."""
    return (step + 1) / (warmup + 1)
