"""The local executor with the built-in trainer and evaluation."""

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from assay.execution.attempts import read_attempts
from assay.execution.confinement import find_confinement
from assay.execution.folder import prepare_corpus, read_scores
from assay.execution.local import LocalExecutor
from assay.spec.external import External, ExternalTrainer
from assay.spec.hardware import Hardware
from assay.spec.recipe import Recipe, changed
from assay.spec.run import Outcome, Run, RunOrder, Seed
from assay.spec.scale import Scale
from tests.execution.helpers import alive, collect
from tests.waiting import wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forking from a warm parent is only done on Linux")


def real_order(corpus: Path) -> RunOrder:
    recipe = changed(Recipe(), {"model.head_dim": 8, "data.context": 16, "data.batch": 4})
    scale = Scale(name="tiny", width=16, depth=1, flops=1.5e9)
    run = Run(recipe=recipe, scale=scale, seed=Seed(init=1, data=2), corpus="tiny", trainer="test")
    return RunOrder(run=run, run_hash=run.hash, corpus_dir=str(corpus), vocab=257, checkpoint_seconds=0.05)


def test_the_corpus_is_packed_where_runs_are_ordered(corpus: Path) -> None:
    """Confined runs may not write beside it, so that each would pack it again."""
    order = real_order(corpus)
    prepare_corpus(order)
    assert not list(corpus.glob("packed-*"))
    recipe = changed(order.run.recipe, {"data.packing": "best_fit"})
    prepare_corpus(order.model_copy(update={"run": order.run.model_copy(update={"recipe": recipe})}))
    assert [path.name for path in corpus.glob("packed-*")] == ["packed-16.npy"]


def test_killed_paused_and_resumed_is_the_same_run_to_the_last_bit(
    executor: LocalExecutor, corpus: Path, tmp_path: Path
) -> None:
    order = real_order(corpus)
    folder, calm = tmp_path / "disturbed", tmp_path / "calm"
    executor.submit(order, folder)

    def checkpoints() -> set[str]:
        return {path.name for path in (folder / "checkpoint").glob("step-*")}

    wait_for(checkpoints, "a first checkpoint")
    [zygote] = psutil.Process().children()
    assert zygote.num_threads() == 1, "forking a process with threads is not safe"
    os.kill(read_attempts(folder)[-1].pid, signal.SIGKILL)
    wait_for(lambda: len(read_attempts(folder)) == 2, "the second attempt")
    executor.pause(order.run_hash)
    executor.submit(order, folder)
    outcomes = [outcome for _, outcome in collect(executor, 2)]
    assert [outcome.status for outcome in outcomes] == ["paused", "finished"]
    executor.submit(order, calm)
    [(_, undisturbed)] = collect(executor, 1)
    disturbed = outcomes[-1]
    assert disturbed.score == undisturbed.score
    assert disturbed.domains == undisturbed.domains
    ours, theirs = read_scores(folder), read_scores(calm)
    assert ours is not None
    assert theirs is not None
    assert ours.checkpoint == theirs.checkpoint
    assert len(read_attempts(folder)) > len(read_attempts(calm)) == 2


def test_an_order_that_cannot_be_met_says_why(executor: LocalExecutor, corpus: Path, tmp_path: Path) -> None:
    order = real_order(corpus).model_copy(update={"corpus_dir": str(tmp_path / "nowhere")})
    executor.submit(order, tmp_path / "run")
    [(_, outcome)] = collect(executor, 1)
    assert outcome.status == "failed"
    assert "nowhere" in outcome.message
    assert "Traceback" not in outcome.message


def test_a_silent_program_fails_and_leaves_no_process(executor: LocalExecutor, corpus: Path, tmp_path: Path) -> None:
    """An orphan of it, and a child that is not, of both attempts."""
    script = "(sleep 600 & echo $! >> {run_dir}/pids); sleep 600 & echo $! >> {run_dir}/pids; wait"
    fields = {"name": "hangs", "command": ["sh", "-c", script, "{seed}"], "metrics": {"format": "jsonl"}}
    own = External(trainer=ExternalTrainer.parse(fields | {"silence_seconds": 1.0}, "trainer.toml"), folder="/")
    order, folder = real_order(corpus).model_copy(update={"external": own}), tmp_path / "run"
    executor.submit(order, folder)
    [(_, outcome)] = collect(executor, 1)
    assert outcome.status == "failed"
    said = "trainer 'hangs': sh neither printed anything nor reported a loss for 1 s"
    assert outcome.message.startswith(f"training failed twice, the last time: {said}")
    assert outcome.message.count("neither printed") == 2  # the log has the first attempt's
    assert all("neither printed" in attempt.how for attempt in read_attempts(folder))
    pids = [int(line) for line in (folder / "pids").read_text().splitlines()]
    assert len(pids) == 4
    wait_for(lambda: not any(alive(pid) for pid in pids), "all that the program started to end")


@pytest.mark.slow
def test_several_processes_train_a_run_within_the_confinement(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "lab" / "vault").mkdir(parents=True, mode=0o700)
    confinement = find_confinement(tmp_path / "lab" / "vault")
    if confinement.way == "none":
        pytest.skip(f"this machine lets assay confine nothing: {confinement.reason}")
    executor = LocalExecutor(1, {"docs": 1.0, "code": 1.0}, confinement=confinement)
    order = real_order(corpus).model_copy(update={"hardware": Hardware(processes=2)})
    folder = tmp_path / "lab" / "runs" / "two"
    try:
        executor.submit(order, folder)
        found: list[tuple[str, Outcome]] = []
        while not found:
            found = executor.poll(1.0)
    finally:
        executor.close()
    [(_, outcome)] = found
    assert outcome.status == "finished", outcome.message
    assert outcome.score is not None
