"""One run on its own, for a person to watch."""

from collections.abc import Callable, Sequence
from typing import Any

from assay.campaign.controller import read_metrics
from assay.campaign.lab import Lab
from assay.corpus.views.view import view_cost
from assay.execution.folder import read_result
from assay.execution.follow import Follow
from assay.spec.errors import UserError
from assay.spec.protocols import Progress
from assay.spec.recipe import Recipe
from assay.spec.run import Outcome, Run, Seed

Tick = Callable[[Progress, Sequence[dict[str, Any]]], None]

LIVE = ("step", "loss", "tokens_per_second")  # of a line of metrics, that `Progress` has too


def train_one(lab: Lab, recipe: Recipe, scale: int, seed: int, tick: Tick) -> dict[str, Any]:
    """Train and score one run; returns its facts.

    `tick` hears how far the run is, with the lines of its metrics that are new.

    Raises:
        UserError: the run failed; the message has its log's end.
    """
    run = Run(
        recipe=recipe, scale=lab.config.ladder[scale], seed=Seed(init=seed, data=seed),
        corpus=lab.config.corpus.id, trainer=lab.trainer(),
    )  # fmt: skip
    digest, folder = run.hash, lab.run_dir(run.hash)
    with lab.store.transaction() as connection:
        lab.store.put_run(connection, run, "running")
    executor = lab.executor(workers=1)
    outcome: Outcome | None = None
    last = Progress(run_hash=digest, step=0, steps=0)
    metrics = Follow(folder)
    try:
        executor.submit(lab.order(run, lab.corpus().vocab), folder)
        while outcome is None:
            outcome = dict(executor.poll(0.1)).get(digest)
            for progress in executor.progress():
                last = progress
                tick(progress, metrics.new())
        if rows := metrics.new():  # what a short run, or the end of a long one, had left to say
            told = {name: rows[-1].get(name, getattr(last, name)) for name in LIVE}
            tick(last.model_copy(update=told | {"steps": last.steps or told["step"]}), rows)
    finally:
        executor.close()
        with lab.store.transaction() as connection:
            if outcome is None:
                lab.store.set_status(connection, digest, "paused")
            else:
                lab.store.put_outcome(connection, digest, outcome)
                lab.store.put_metrics(connection, digest, read_metrics(folder))
    assert outcome is not None
    if outcome.status == "failed":
        raise UserError(f"run {digest} failed: {outcome.message}")
    result = read_result(folder)
    read = {name: drawn.model_dump() for name, drawn in result.domains.items()} if result else {}
    cost = view_cost(lab.text_dir(recipe)).model_dump(mode="json") if recipe.data.selection() else None
    return {
        "run": digest,
        "recipe": recipe.hash,
        "folder": str(folder),
        "read": read,
        "data_cost": cost,
        **outcome.model_dump(mode="json"),
    }
