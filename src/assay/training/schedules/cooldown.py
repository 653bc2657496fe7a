"""The final decay of schedules that stay at the peak for most of the run."""

from assay.spec.recipe import Schedule
from assay.training.schedules.warmup import warmup_steps


def progress(step: int, steps: int, schedule: Schedule) -> float:
    """How much of the final decay lies before step `step`: 0 until it begins, 1 after the last step."""
    decay = min(max(1, round(schedule.decay * steps)), steps - warmup_steps(steps, schedule))
    return max(0, step - (steps - decay)) / decay
