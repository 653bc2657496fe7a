"""A lab whose campaign went through the real controller, with trainings replaced by a formula."""

import json
import math
import random
from pathlib import Path
from typing import Any

from assay.campaign.controller import Controller
from assay.campaign.lab import Lab, init_lab
from assay.campaign.watch import Silent
from assay.corpus.build import build_corpus
from assay.corpus.sources import Source
from assay.execution.simulated import SimulatedExecutor
from assay.spec.budget import Budget
from assay.spec.recipe import Recipe, flatten
from assay.spec.run import Outcome, RunOrder
from assay.spec.scale import shape_at
from tests.campaign.helpers import own_random

#: True reduction of the score, per cent, for values that generation 0 does not have. Everything else does nothing.
EFFECTS: dict[tuple[str, Any], float] = {
    ("optimiser.name", "muon"): 3.1,
    ("model.position", "rope"): 1.2,
    ("schedule.name", "linear"): -0.4,
    ("schedule.name", "wsd"): -1.1,
    ("model.norm", "rmsnorm"): 0.1,
    ("model.mlp", "relu2"): 0.9,
    ("data.batch", 6): 2.2,
    ("model.tied_embeddings", False): -2.5,
}
LADDER = [
    {"name": "small", "width": 64, "depth": 2, "flops": 1.2e10},
    {"name": "medium", "width": 96, "depth": 3, "flops": 4.8e10},
    {"name": "large", "width": 128, "depth": 4, "flops": 1.92e11},
]
NOISE = 0.0025  # of a run's score, as a fraction


def make_lab(folder: Path, changes: dict[str, Any] | None = None) -> Lab:
    """A lab over a few kilobytes of made-up text in two domains."""
    words = random.Random(0)
    for domain in ("code", "prose"):
        (folder / "text" / domain).mkdir(parents=True)
        for i in range(12):
            text = " ".join(f"{domain}{words.randrange(500)}" for _ in range(9000))
            (folder / "text" / domain / f"{i}.txt").write_text(text, encoding="utf-8")
    sources = [Source(domain, str(folder / "text" / domain)) for domain in ("code", "prose")]
    manifest = build_corpus(folder / "lab" / "corpora", sources)
    return init_lab(folder / "lab", manifest, changes)


def campaign(lab: Lab, budget: str, diverges: float = 0.012) -> None:
    """One session of the real controller; a learning rate of `diverges` or more blows up."""
    executor = SimulatedExecutor(lambda order: outcome(lab, order, diverges), workers=2)
    Controller(lab, Budget.read(budget), Silent(), executor=executor).run()


def outcome(lab: Lab, order: RunOrder, diverges: float) -> Outcome:
    """Score and loss curve of a run: a power law in compute, less the recipe's effects, plus noise of run and seed."""
    run = order.run
    steps = shape_at(run.recipe, run.scale, order.vocab).steps
    flops = run.scale.flops
    gain = recipe_gain(run.recipe)
    seeded, own = random.Random(run.seed.init), own_random(run)
    level = (1 + 2.2 * (flops / 1e11) ** -0.14) * (1 - gain / 100)
    score = level * (1 + 3 * NOISE * seeded.gauss(0, 1) + NOISE * own.gauss(0, 1))
    write_metrics(lab.run_dir(order.run_hash), steps, score, own)
    if run.recipe.optimiser.lr >= diverges:
        return Outcome(status="diverged", flops=flops / 3, seconds=2.0)
    if order.stop_at_step is not None:
        return Outcome(status="paused", flops=flops / 2, seconds=2.5, half_loss=score * 0.75)
    return Outcome(
        status="finished", score=score, domains={"code": 0.9 * score, "prose": 1.1 * score}, flops=flops,
        seconds=5.0 * flops / 1.2e11, step_ms=20, memory_mb=400, half_loss=score * 0.75,
    )  # fmt: skip


def recipe_gain(recipe: Recipe) -> float:
    fields = flatten(recipe.model_dump(mode="json"))
    return sum(effect for (key, value), effect in EFFECTS.items() if fields[key] == value)


def write_metrics(folder: Path, steps: int, score: float, noise: random.Random) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    last = score * math.log(2)
    with (folder / "metrics.jsonl").open("w", encoding="utf-8") as file:
        for step in range(1, steps + 1):
            loss = last + (5.5 - last) * math.exp(-8 * step / steps) + 0.05 * noise.gauss(0, 1)
            file.write(json.dumps({"step": step, "tokens": step * 768, "loss": loss, "lr": 1e-3}) + "\n")


def proposal(number: int, author: str = "human:ada", **changes: Any) -> dict[str, Any]:
    """A person's proposal; a different learning rate for each number, unless `changes` says otherwise."""
    return {
        "hypothesis": f"hypothesis {number}",
        "kind": "optimiser",
        "change": {"optimiser.lr": round(1e-3 + number * 1e-4, 5)},
        "predicted": {"effect": 0.5, "low": -0.5, "high": 1.5},
        "author": author,
        **changes,
    }
