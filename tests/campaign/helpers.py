"""Labs whose runs take a fraction of a second, their histories, and the processes of a campaign."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from assay.campaign.controller import Controller
from assay.campaign.lab import Lab, init_lab
from assay.campaign.watch import Silent, Watcher
from assay.corpus.manifest import open_corpus
from assay.execution.simulated import SimulatedExecutor
from assay.spec.budget import Budget
from assay.spec.protocols import Executor, Progress
from assay.spec.recipe import flatten
from assay.spec.run import Outcome, Run, RunOrder
from tests.waiting import PATIENCE

ASSAY = (sys.executable, "-c", "from assay.interfaces.cli.main import main; main()")
WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "naïve", "café", "serves", "crème")

#: Scales of some thirty to a hundred steps.
LADDER = [
    {"name": "one", "width": 32, "depth": 1, "flops": 3e8},
    {"name": "two", "width": 32, "depth": 1, "flops": 6e8},
    {"name": "three", "width": 32, "depth": 1, "flops": 1.2e9},
]
#: A learning rate that is far too low, so that a few pairs show what a higher one gains. This is a lab for tests.
START = {"optimiser": {"lr": 3e-4}, "data": {"context": 16, "batch": 4}}
SEARCH = {
    "optimiser.name": ["adamw", "muon"],
    "optimiser.lr": {"low": 1e-4, "high": 1e3, "log": True},
    "optimiser.beta2": [0.9, 0.99],
    "schedule.name": ["cosine", "linear"],
    "schedule.final": [0.0, 0.1],
    "model.norm": ["layernorm", "rmsnorm"],
    "model.mlp": ["gelu", "relu2"],
    "data.batch": [2, 4, 8],
}
EVIDENCE = {"pairs": 6, "confirm_pairs": 6, "measure_pairs": 1}


def write_text(folder: Path) -> None:
    """Two domains of text that a small model learns something from."""
    draw = random.Random(0)
    for domain in ("prose", "verse"):
        (folder / domain).mkdir(parents=True)
        for i in range(10):
            words = [draw.choice(WORDS) + (domain[0] if draw.random() < 0.3 else "") for _ in range(2000)]
            (folder / domain / f"{i}.txt").write_text(" ".join(words), encoding="utf-8")


def make_lab(folder: Path, corpora: Path, **changes: Any) -> Lab:
    """A lab with a copy of a corpus; `changes` are tables of lab.toml."""
    shutil.copytree(corpora, folder / "corpora")
    [corpus] = (folder / "corpora").iterdir()
    settings = {"start": START, "ladder": LADDER, "search": SEARCH, "evidence": EVIDENCE, "execution": {"in_flight": 3}}
    return init_lab(folder, open_corpus(corpus), settings | changes)


def proposal(change: dict[str, Any], author: str = "human:ada", **fields: Any) -> dict[str, Any]:
    """A person's proposal as it lies in the inbox."""
    content = {
        "hypothesis": f"{change} is better.",
        "kind": "optimiser",
        "change": change,
        "predicted": {"effect": 1.0, "low": 0.0, "high": 2.0},
        "author": author,
    }
    return content | fields


# Campaigns on a simulated clock

#: True reduction of the score, per cent, of values that generation 0 does not have.
EFFECTS: dict[tuple[str, Any], float] = {
    ("optimiser.name", "muon"): 3.0,
    ("data.batch", 2): 2.0,
    ("schedule.name", "linear"): 1.5,
    ("model.norm", "rmsnorm"): -1.0,
}
NOISE = 0.002
#: Whose runs the noise is drawn for; not the trainer's present name, or every version of it would have other luck.
TRAINER = "assay-1 torch-2.13.0+cpu cpu-x86_64"


def own_random(run: Run) -> random.Random:
    """Randomness of a run's own, whatever the trainer's version."""
    return random.Random(run.model_copy(update={"trainer": TRAINER}).hash)


def world(effects: Mapping[tuple[str, Any], float], noise: float = NOISE) -> Callable[[RunOrder], Outcome]:
    """Runs whose outcomes follow from recipe and seeds alone, in which changes have these effects (per cent)."""

    def outcome(order: RunOrder) -> Outcome:
        run = order.run
        fields = flatten(run.recipe.model_dump(mode="json"))
        gain = sum(effect for (key, value), effect in effects.items() if fields[key] == value)
        seeded, own = random.Random(run.seed.init), own_random(run)
        level = (3.0 - 0.3 * (run.scale.flops / 3e8) ** 0.5) * (1 - gain / 100)
        score = level * (1 + 3 * noise * seeded.gauss(0, 1) + noise * own.gauss(0, 1))
        if order.stop_at_step is not None:
            return Outcome(status="paused", flops=run.scale.flops / 2, seconds=1.0, half_loss=score)
        return Outcome(
            status="finished", score=score, domains={"prose": 0.9 * score, "verse": 1.1 * score},
            flops=run.scale.flops, seconds=2.0, step_ms=1.0, half_loss=score,
        )  # fmt: skip

    return outcome


simulated = world(EFFECTS)


def simulate(
    lab: Lab, budget: str | None, outcome: Callable[[RunOrder], Outcome] = simulated, watcher: Watcher | None = None
) -> str:
    """One session of the real controller over simulated runs; returns why it ended."""
    return session(lab, budget, SimulatedExecutor(outcome, workers=2), watcher)


def session(lab: Lab, budget: str | None, executor: Executor, watcher: Watcher | None = None) -> str:
    """One session of the real controller; returns why it ended."""
    asked = Budget.read(budget) if budget else None
    return Controller(lab, asked, watcher or Silent(), executor=executor).run()


# What a campaign leaves behind


def history(lab: Lab) -> list[tuple[Any, ...]]:
    """What must not depend on how often the controller died: every proposal, run, score, verdict and promotion."""
    found: list[tuple[Any, ...]] = []
    for entry in lab.store.ledger():
        body = entry.body
        match entry.kind:
            case "proposal" | "verdict" | "promotion" | "run" | "refused" | "cancel":
                found.append((entry.kind, body))
            case "result":
                kept = ("status", "score", "domains", "flops", "half_loss")
                found.append(("result", body["run"], {key: body["outcome"][key] for key in kept}))
            case _:
                pass
    return found


def of_kind(lab: Lab, kind: str) -> list[dict[str, Any]]:
    """Bodies of the ledger's entries of a kind."""
    return [entry.body for entry in lab.store.ledger() if entry.kind == kind]


def scores(lab: Lab) -> dict[str, float | None]:
    """Final score of every run that has one."""
    return {row["hash"]: row["score"] for row in lab.store.run_rows() if row["status"] in ("finished", "diverged")}


# Processes


def assay(*words: str | Path, env: dict[str, str] | None = None, timeout: float = 300) -> subprocess.CompletedProcess:
    """Run the command line to its end."""
    return subprocess.run(
        [*ASSAY, *map(str, words)], capture_output=True, text=True, timeout=timeout, env=os.environ | (env or {})
    )


def start(*words: str | Path, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Start the command line in a process group of its own, as a shell does."""
    return subprocess.Popen(
        [*ASSAY, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=os.environ | (env or {}), start_new_session=True,
    )  # fmt: skip


def results(lab: Lab) -> int:
    """How many results the ledger holds, read without disturbing its writer."""
    with sqlite3.connect(f"file:{lab.folder / 'lab.db'}?mode=ro", uri=True) as connection:
        return connection.execute("SELECT count(*) FROM ledger WHERE kind = 'result'").fetchone()[0]


def processes_of(lab: Lab) -> list[psutil.Process]:
    """Living processes that work in a lab's folder: they have its log files or its store open."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and any(
                file.path.startswith(f"{lab.folder}/") for file in process.open_files()
            ):
                found.append(process)
        except psutil.Error:
            continue
    return found


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=PATIENCE)


class Stuck(SimulatedExecutor):
    """Runs that never end. `waited` is called once, after the first wait."""

    def __init__(self, running: int = 0) -> None:
        super().__init__(simulated)
        self.running = running
        self.waited: Callable[[], Any] = lambda: None
        self.submitted: list[str] = []
        self.cancelled: list[str] = []

    def submit(self, order: RunOrder, folder: Path) -> None:
        del folder
        self.submitted.append(order.run_hash)

    def poll(self, timeout: float) -> list[tuple[str, Outcome]]:
        time.sleep(timeout)
        waited, self.waited = self.waited, lambda: None
        waited()
        return []

    def cancel(self, run_hash: str) -> None:
        self.cancelled.append(run_hash)

    def progress(self) -> list[Progress]:
        return [Progress(run_hash=run, step=0, steps=1) for run in self.submitted[: self.running]]
