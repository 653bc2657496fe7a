"""Orders, folders and patience for the tests of execution."""

import json
import time
from pathlib import Path
from typing import Any

from assay.spec.recipe import Recipe
from assay.spec.run import Outcome, Run, RunOrder, Seed
from assay.spec.scale import Scale
from tests.waiting import PATIENCE

WEIGHTS = {"a": 1.0, "b": 3.0}
FAKES = {"train": "fake_training:train", "evaluate": "fake_training:score_run"}


def make_order(number: int = 0, stop_at_step: int | None = None, command: tuple[str, ...] = ()) -> RunOrder:
    """An order for the fake trainer; the scale gives the built-in shape some hundred steps."""
    run = Run(
        recipe=Recipe(),
        scale=Scale(name="tiny", width=32, depth=1, flops=1e10),
        seed=Seed(init=number, data=number),
        corpus="none",
        trainer="fake",
    )
    return RunOrder(
        run=run, run_hash=run.hash, corpus_dir="/nowhere", vocab=257, stop_at_step=stop_at_step, command=command
    )


def behave(folder: Path, **how: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "behave.json").write_text(json.dumps(how))
    return folder


def trainings(folder: Path) -> list[int]:
    """The step at which each process that really trained here began."""
    return [int(path.read_text()) for path in sorted(folder.glob("trained-*"))]


def collect(executor: Any, count: int) -> list[tuple[str, Outcome]]:
    outcomes: list[tuple[str, Outcome]] = []
    deadline = time.monotonic() + PATIENCE
    while len(outcomes) < count and time.monotonic() < deadline:
        outcomes += executor.poll(1.0)
    assert len(outcomes) == count, outcomes
    return outcomes


def steps_done(folder: Path) -> int:
    path = folder / "metrics.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
