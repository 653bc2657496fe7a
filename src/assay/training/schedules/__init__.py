"""Learning-rate schedules, one a file.

A schedule is a function `factor(step: int, steps: int, schedule: spec.recipe.Schedule) -> float` that gives what the
peak learning rate is multiplied by in the step that follows `step` finished ones, of `steps` in all. To add one,
write a file here and name it in `spec/registry.py` under `schedule`.
"""
