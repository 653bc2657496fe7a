"""The local executor with runs that train in packs: one process for several, each with an outcome of its own."""

import os
import signal
import sys
from pathlib import Path

import pytest

from assay.execution.attempts import read_attempts
from assay.execution.local import LocalExecutor
from assay.spec.hardware import Hardware
from assay.spec.recipe import Recipe, changed
from assay.spec.run import Run, RunOrder, Seed
from assay.spec.scale import Scale
from tests.execution.helpers import collect
from tests.waiting import wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forking from a warm parent is only done on Linux")


def orders(corpus: Path, count: int, flops: float = 1e8, pack: int = 3) -> list[RunOrder]:
    recipe = changed(Recipe(), {"model.head_dim": 8, "data.context": 16, "data.batch": 4})
    scale = Scale(name="tiny", width=16, depth=1, flops=flops)
    runs = [
        Run(recipe=recipe, scale=scale, seed=Seed(init=i, data=i), corpus="tiny", trainer="test") for i in range(count)
    ]
    return [
        RunOrder(run=run, run_hash=run.hash, corpus_dir=str(corpus), vocab=257, checkpoint_seconds=0.05,
                 hardware=Hardware(pack=pack))
        for run in runs
    ]  # fmt: skip


def trained_by(folder: Path) -> list[int]:
    return [attempt.pid for attempt in read_attempts(folder) if attempt.kind == "train"]


def start(executor: LocalExecutor, ordered: list[RunOrder], base: Path) -> list[Path]:
    """The first run, which begins alone, then the others, which wait for it and go together."""
    folders = [base / str(i) for i in range(len(ordered))]
    for order, folder in zip(ordered, folders, strict=True):
        executor.submit(order, folder)
    return folders


def test_waiting_runs_train_together_and_are_scored_apart(
    executor: LocalExecutor, corpus: Path, tmp_path: Path
) -> None:
    ordered = orders(corpus, 5)
    folders = start(executor, ordered, tmp_path)
    outcomes = dict(collect(executor, 5))
    assert {outcome.status for outcome in outcomes.values()} == {"finished"}
    assert len({outcome.score for outcome in outcomes.values()}) == 5
    pids = [trained_by(folder) for folder in folders]
    assert all(len(each) == 1 for each in pids)
    assert pids[1] == pids[2] == pids[3] != pids[4]
    assert pids[0] not in pids[1:]
    assert all(outcomes[order.run_hash].seconds > 0 for order in ordered)


def test_a_killed_pack_goes_on_run_by_run_and_a_cancelled_one_takes_nobody_along(
    executor: LocalExecutor, corpus: Path, tmp_path: Path
) -> None:
    first, *ordered = orders(corpus, 4, flops=1e9)
    short = orders(corpus, 4)[3]
    folders = start(executor, [short, *ordered], tmp_path)[1:]

    def saved() -> bool:
        return all(list((folder / "checkpoint").glob("step-*")) for folder in folders)

    wait_for(saved, "a checkpoint of each")
    [pid] = {trained_by(folder)[-1] for folder in folders}
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(trained_by(folders[0])) == 2, "the second attempt")
    outcomes = dict(collect(executor, 4))
    assert {outcome.status for outcome in outcomes.values()} == {"finished"}
    assert [len(trained_by(folder)) for folder in folders] == [2, 2, 2]
    assert len({trained_by(folder)[-1] for folder in folders}) == 3, "what was killed once goes on alone"
    assert first.run_hash not in outcomes


def test_one_run_of_a_pack_is_cancelled_and_another_paused(
    executor: LocalExecutor, corpus: Path, tmp_path: Path
) -> None:
    ordered = [orders(corpus, 1)[0], *orders(corpus, 4, flops=1e9)[1:]]
    folders = start(executor, ordered, tmp_path)
    wait_for(lambda: all(trained_by(folder) for folder in folders[1:]), "the pack")
    executor.cancel(ordered[1].run_hash)
    wait_for(lambda: len(trained_by(folders[3])) == 2, "the pack without it")
    executor.pause(ordered[2].run_hash)
    outcomes = dict(collect(executor, 3))
    assert [outcomes[ordered[i].run_hash].status for i in (0, 2, 3)] == ["finished", "paused", "finished"]
    assert ordered[1].run_hash not in outcomes
