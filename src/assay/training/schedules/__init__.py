"""Learning-rate schedules, one a file.

A schedule is a function `factor(step: int, steps: int, schedule: spec.recipe.Schedule) -> float` that gives what the
peak learning rate is multiplied by in the step that follows `step` finished ones, of `steps` in all.

To add one, for example an exponential decay to `final`:

    # training/schedules/exponential.py
    from assay.training.schedules.warmup import rise, warmup_steps

    def factor(step, steps, schedule):
        warmup = warmup_steps(steps, schedule)
        if step < warmup:
            return rise(step, warmup)
        return max(schedule.final, 1e-3) ** ((step - warmup) / (steps - warmup))

then name it in `spec/registry.py` under `schedule` as `"exponential":
"assay.training.schedules.exponential:factor"`.
"""
