"""Equal compute, equal tokens, equal time: three ways of being fair, which need not agree.

A ladder's scales are compute budgets. A candidate with dearer steps reads fewer tokens there, and one whose steps do
not use the machine as well takes longer. Where both shall read as many tokens, or train for as long, the new recipe's
compute budget is scaled; a scale is a model size and a budget, so that this is another scale, whose name decides
nothing.
"""

import statistics
from typing import Any, Literal, NamedTuple

from assay.campaign.lab import Lab, check_shape
from assay.corpus.manifest import check_size
from assay.spec.errors import UserError
from assay.spec.protocols import Executor
from assay.spec.recipe import Recipe
from assay.spec.run import Outcome, Run, Seed
from assay.spec.scale import Scale, Shape, shape_at

Match = Literal["flops", "tokens", "time"]
MATCHES: tuple[Match, ...] = ("flops", "tokens", "time")
#: Seed of the runs that measure a step's time, apart from those of all comparisons.
TIMING_SEED = 9 * 10**8 + 9 * 10**7


class Matching(NamedTuple):
    """The scale at which the new recipe trains, and what each arm costs there."""

    scale: Scale
    arms: dict[str, Any]
    """`old` and `new`, each with steps, tokens, flops and, where known, seconds of training and ms a step."""


def matching(lab: Lab, old: Recipe, new: Recipe, rung: Scale, vocab: int, match: Match, executor: Executor) -> Matching:
    """The scale that gives the new recipe as much as the old one has at `rung`.

    Step times are medians over finished runs of the present trainer at this scale. A recipe without any is trained
    once, alone, to see: runs beside others are slower, and by how much differs between recipes.

    Raises:
        UserError: the corpus is too small for it, or a run that shall measure a step's time failed.
    """
    a, b = shape_at(old, rung, vocab), shape_at(new, rung, vocab)
    times = _measured(lab, old, new, rung)
    if match == "time":
        for recipe in (old, new):
            if recipe.hash not in times:
                times[recipe.hash] = _time_alone(lab, recipe, rung, vocab, executor)
    mine, theirs = times.get(old.hash), times.get(new.hash)
    name, steps = f"{rung.name}, {match} of {old.hash[:8]}", b.steps
    begun = _begun(lab, new, name)
    if match == "tokens":
        steps = max(1, round(b.steps * a.tokens / b.tokens))
    elif begun is not None:
        steps = shape_at(new, begun, vocab).steps
    elif match == "time":
        assert mine is not None
        assert theirs is not None
        steps = max(1, round(a.steps * mine / theirs))
    scale = rung
    if steps != b.steps:  # else the very runs at equal compute, which are then not paid for twice
        whole = b.flops / (b.steps * b.flops_per_step)  # less than 1 where the batch warms up
        scale = rung.model_copy(update={"name": name, "flops": (steps + 0.5) * b.flops_per_step * whole})
        b = check_shape(new, scale, vocab, "NEW")
        check_size(lab.corpus(), b.tokens)

    def arm(shape: Shape, ms: float | None) -> dict[str, Any]:
        return {
            "steps": shape.steps, "tokens": shape.tokens, "flops": shape.flops, "step_ms": ms,
            "seconds": None if ms is None else shape.steps * ms / 1e3,
        }  # fmt: skip

    return Matching(scale, {"old": arm(a, mine), "new": arm(b, theirs)})


def _begun(lab: Lab, new: Recipe, name: str) -> Scale | None:
    """The scale of a comparison that was begun before, so that step times measured since do not begin another one."""
    trainer = lab.trainer()
    for row in lab.store.run_rows():
        if row["scale"] == name and row["recipe"] == new.hash and row["trainer"] == trainer:
            run = lab.store.run(row["hash"])
            return run.scale if run else None
    return None


def _measured(lab: Lab, old: Recipe, new: Recipe, rung: Scale) -> dict[str, float]:
    """Median step time, ms, of recipes with finished runs at a scale."""
    trainer = lab.trainer()
    found: dict[str, list[float]] = {}
    for row in lab.store.run_rows():
        if row["status"] == "finished" and row["scale"] == rung.name and row["trainer"] == trainer and row["step_ms"]:
            found.setdefault(row["recipe"], []).append(row["step_ms"])
    return {digest: statistics.median(found[digest]) for digest in (old.hash, new.hash) if digest in found}


def _time_alone(lab: Lab, recipe: Recipe, rung: Scale, vocab: int, executor: Executor) -> float:
    seed = lab.config.seed * 10**9 + TIMING_SEED
    run = Run(
        recipe=recipe, scale=rung, seed=Seed(init=seed, data=seed), corpus=lab.config.corpus.id, trainer=lab.trainer(),
    )  # fmt: skip
    with lab.store.transaction() as connection:
        lab.store.put_run(connection, run, "running")
    executor.submit(lab.order(run, vocab), lab.run_dir(run.hash))
    outcome: Outcome | None = None
    while outcome is None:
        outcome = dict(executor.poll(0.1)).get(run.hash)
    with lab.store.transaction() as connection:
        lab.store.put_outcome(connection, run.hash, outcome)
    if outcome.status != "finished" or not outcome.step_ms:
        why = outcome.message or outcome.status
        raise UserError(f"run {run.hash}, which was to measure the time of a step, did not finish: {why}")
    return outcome.step_ms
