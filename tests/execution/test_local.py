"""The local executor with real processes: crashes, kills, orphans, and what is left behind."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from assay.execution.attempts import read_attempts
from assay.execution.local import LocalExecutor
from assay.spec.errors import UserError
from tests.execution.helpers import (
    WEIGHTS,
    alive,
    behave,
    collect,
    make_order,
    steps_done,
    trainings,
)
from tests.waiting import wait_for

Make = Callable[..., LocalExecutor]

linux = pytest.mark.skipif(sys.platform != "linux", reason="forking from a warm parent is only done on Linux")
both_ways = pytest.mark.parametrize(
    "fork", [pytest.param(True, marks=linux, id="fork"), pytest.param(False, id="spawn")]
)

CONTROLLER = """
import json, sys, time
from pathlib import Path
from assay.execution.local import LocalExecutor
from assay.spec.run import RunOrder
if __name__ == "__main__":
    executor = LocalExecutor(1, {"a": 1.0, "b": 3.0}, train="fake_training:train",
                             evaluate="fake_training:score_run", fork=sys.argv[2] == "fork")
    folder = Path(sys.argv[1])
    order = RunOrder.parse(json.loads((folder / "order.json").read_text()), "order")
    executor.submit(order, folder)
    time.sleep(600)
"""


def children_running(folder: Path) -> list[int]:
    return [attempt.pid for attempt in read_attempts(folder) if attempt.ended is None and alive(attempt.pid)]


def zygote_of(process: psutil.Process) -> psutil.Process:
    [zygote] = [child for child in process.children() if "assay.execution.zygote" in child.cmdline()]
    return zygote


def hold(folder: Path) -> subprocess.Popen[bytes]:
    """Another process that holds the folder's lock."""
    script = (
        f"import fcntl,time; f=open({str(folder / 'lock')!r},'w'); fcntl.flock(f,fcntl.LOCK_EX); print(1,flush=True)"
    )
    holder = subprocess.Popen([sys.executable, "-c", f"{script}; time.sleep(600)"], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    return holder


@both_ways
def test_a_killed_run_is_retried_from_its_checkpoint(local: Make, fork: bool, tmp_path: Path) -> None:
    executor, order = local(fork=fork), make_order()
    folder = behave(tmp_path / "run", steps=200, step_seconds=0.005)
    executor.submit(order, folder)
    wait_for(lambda: steps_done(folder) > 5, "the first steps")
    [pid] = children_running(folder)
    os.kill(pid, signal.SIGKILL)
    [(_, outcome)] = collect(executor, 1)
    assert outcome.status == "finished"
    began = trainings(folder)
    assert len(began) == 2
    assert began[1] > 0
    first, second, evaluation = read_attempts(folder)
    assert "SIGKILL" in first.how
    assert first.ended is not None
    assert (second.how, second.kind, second.environment) == ("finished", "train", {"fake": "1"})
    assert (evaluation.how, evaluation.kind) == ("scored", "evaluate")


def test_a_run_that_keeps_dying_fails_with_its_log(local: Make, tmp_path: Path) -> None:
    executor, order = local(), make_order()
    folder = behave(tmp_path / "run", steps=50, kill_at=30)
    executor.submit(order, folder)
    [(_, outcome)] = collect(executor, 1)
    assert outcome.status == "failed"
    assert "SIGKILL" in outcome.message
    lines = outcome.message.splitlines()
    assert lines[-1] == "step 30"
    assert len(lines) <= 21
    assert trainings(folder) == [0, 29]


def test_an_exception_is_in_the_message(local: Make, tmp_path: Path) -> None:
    executor, order = local(), make_order()
    executor.submit(order, behave(tmp_path / "run", crash_at=2))
    [(_, outcome)] = collect(executor, 1)
    assert outcome.status == "failed"
    assert "RuntimeError: told to crash at step 2" in outcome.message


def test_a_refusal_is_one_sentence(local: Make, tmp_path: Path) -> None:
    executor, order = local(), make_order()
    executor.submit(order, behave(tmp_path / "run", refuse="model.mlp is 'gelu' there and 'swiglu' here"))
    [(_, outcome)] = collect(executor, 1)
    assert (outcome.status, outcome.message) == ("failed", "model.mlp is 'gelu' there and 'swiglu' here")


def test_a_crash_of_evaluation_trains_nothing_again(local: Make, tmp_path: Path) -> None:
    executor, order = local(), make_order()
    folder = behave(tmp_path / "run", evaluate_crashes=1)
    executor.submit(order, folder)
    [(_, outcome)] = collect(executor, 1)
    assert outcome.status == "finished"
    assert len(trainings(folder)) == 1


def test_finished_folders_need_no_process(local: Make, tmp_path: Path) -> None:
    first, order = local(), make_order()
    folder = behave(tmp_path / "run")
    first.submit(order, folder)
    done = collect(first, 1)
    second = LocalExecutor(1, WEIGHTS, train="no_such_module:f", evaluate="no_such_module:f")
    second.submit(order, folder)
    assert second.poll(0.0) == done
    second.close()
    (folder / "scores.json").unlink()
    first.submit(order, folder)
    assert collect(first, 1) == done
    assert len(trainings(folder)) == 1, "a lost evaluation is done again, the training is not"


@both_ways
def test_a_pause_keeps_the_checkpoint_and_the_record(local: Make, fork: bool, tmp_path: Path) -> None:
    executor, order = local(fork=fork), make_order()
    folder = behave(tmp_path / "run", steps=100, step_seconds=0.005)
    executor.submit(order, folder)
    wait_for(lambda: steps_done(folder) > 5, "the first steps")
    executor.pause(order.run_hash)
    executor.submit(order, folder)  # while it is still ending
    assert [outcome.status for _, outcome in collect(executor, 2)] == ["paused", "finished"]
    assert [attempt.how for attempt in read_attempts(folder)] == ["paused", "finished", "scored"]
    assert steps_done(folder) == 100, "no step was done twice"


def test_somebody_elses_sigterm_is_no_failure(local: Make, tmp_path: Path) -> None:
    executor, order = local(), make_order()
    folder = behave(tmp_path / "run", steps=150, step_seconds=0.005)
    executor.submit(order, folder)
    for count in (1, 2, 3):
        wait_for(lambda count=count: len(trainings(folder)) == count, "the next process")
        os.kill(wait_for(lambda: children_running(folder), "its record")[0], signal.SIGTERM)
    [(_, outcome)] = collect(executor, 1)
    assert outcome.status == "finished"
    assert steps_done(folder) == 150


def test_a_later_stop_replaces_an_earlier_one_while_running(local: Make, tmp_path: Path) -> None:
    executor, order = local(), make_order(stop_at_step=20)
    folder = behave(tmp_path / "run", steps=40, step_seconds=0.005)
    executor.submit(order, folder)
    wait_for(lambda: steps_done(folder) > 2, "the first steps")
    executor.submit(order.model_copy(update={"stop_at_step": None}), folder)
    assert [outcome.status for _, outcome in collect(executor, 1)] == ["finished"]
    assert steps_done(folder) == 40


@both_ways
def test_a_killed_controller_loses_nothing(local: Make, fork: bool, tmp_path: Path) -> None:
    order = make_order()
    folder = behave(tmp_path / "run", steps=150, step_seconds=0.005)
    (folder / "order.json").write_text(order.model_dump_json())
    controller = subprocess.Popen([sys.executable, "-c", CONTROLLER, str(folder), "fork" if fork else "spawn"])
    wait_for(lambda: steps_done(folder) > 5, "the first steps")
    family = psutil.Process(controller.pid).children(recursive=True)
    controller.kill()
    controller.wait()
    # The next controller comes while the orphan may still be saving its checkpoint.
    executor = local()
    executor.submit(order, folder)
    [(_, outcome)] = collect(executor, 1)
    assert outcome.status == "finished"
    assert [attempt.how for attempt in read_attempts(folder)] == ["paused", "finished", "scored"]
    assert steps_done(folder) == 150, "no step was done twice or by two processes"
    wait_for(lambda: not any(alive(process.pid) for process in family), "the old processes to end")


@linux
def test_a_killed_zygote_is_replaced(local: Make, tmp_path: Path) -> None:
    executor = local(2, fork=True)
    orders = [make_order(number) for number in range(3)]
    folders = [behave(tmp_path / str(number), steps=60, step_seconds=0.005) for number in range(3)]
    for order, folder in zip(orders, folders, strict=True):
        executor.submit(order, folder)
    wait_for(lambda: all(steps_done(folder) > 5 for folder in folders[:2]), "both runs")
    zygote_of(psutil.Process()).kill()
    outcomes = dict(collect(executor, 3))
    assert {outcome.status for outcome in outcomes.values()} == {"finished"}
    assert [steps_done(folder) for folder in folders] == [60, 60, 60]
    assert [attempt.how for attempt in read_attempts(folders[0])] == ["paused", "finished", "scored"]


def test_an_import_that_fails_is_told(local: Make, tmp_path: Path) -> None:
    executor = local(train="no_such_trainer:train")
    executor.submit(make_order(), tmp_path / "run")
    [(_, outcome)] = collect(executor, 1)
    assert outcome.status == "failed"
    assert "no_such_trainer" in outcome.message


def test_a_held_lock_is_waited_for(local: Make, tmp_path: Path) -> None:
    executor, order = local(), make_order()
    folder = behave(tmp_path / "run")
    holder = hold(folder)
    executor.submit(order, folder)
    assert executor.poll(0.5) == []
    assert trainings(folder) == []
    holder.kill()
    holder.communicate()
    assert [outcome.status for _, outcome in collect(executor, 1)] == ["finished"]


def test_two_executors_share_one_run(local: Make, tmp_path: Path) -> None:
    first, second, order = local(), local(), make_order()
    folder = behave(tmp_path / "run", steps=30, step_seconds=0.005)
    first.submit(order, folder)
    second.submit(order, folder)
    assert collect(first, 1) == collect(second, 1)
    assert trainings(folder) == [0]
    assert steps_done(folder) == 30


def test_progress_is_the_last_whole_line(local: Make, tmp_path: Path) -> None:
    executor, order = local(), make_order()
    folder = behave(tmp_path / "run", steps=400, step_seconds=0.005)
    executor.submit(order, folder)
    wait_for(lambda: steps_done(folder) > 5, "the first steps")
    [progress] = executor.progress()
    assert progress.run_hash == order.run_hash
    assert 5 < progress.step < 400
    assert progress.loss == pytest.approx(5.0 / progress.step)
    executor.cancel(order.run_hash)
    wait_for(lambda: not executor.progress(), "the end of the run")
    wait_for(lambda: not children_running(folder), "its process to end")
    (folder / "result.json").unlink(missing_ok=True)
    with (folder / "metrics.jsonl").open("a") as metrics:
        metrics.write('{"step": 99999, "lo')
    executor.submit(order, folder)
    assert executor.progress()[0].step < 400


def test_cancel_ends_the_processes_that_a_run_started(local: Make, tmp_path: Path) -> None:
    executor, order, folder = local(train="odd_trainers:with_grandchild"), make_order(), tmp_path / "run"
    executor.submit(order, folder)
    pid = int(wait_for(lambda: (folder / "pid").exists() and (folder / "pid").read_text(), "the grandchild"))
    assert alive(pid)
    executor.cancel(order.run_hash)
    wait_for(lambda: not alive(pid), "the grandchild to end")


@both_ways
def test_nothing_is_left_behind(local: Make, fork: bool, tmp_path: Path) -> None:
    me = psutil.Process()
    before = (me.num_fds(), threading.active_count(), len(me.children(recursive=True)))
    for round in range(2):
        executor = local(2, fork=fork)
        for number in range(4):
            executor.submit(make_order(number), behave(tmp_path / f"{round}-{number}"))
        collect(executor, 4)
        executor.close()
    assert (me.num_fds(), threading.active_count(), len(me.children(recursive=True))) == before


@linux
def test_children_hold_neither_secrets_nor_others_files(
    local: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-not-for-you")
    executor = local(train="odd_trainers:nosy")
    executor.submit(make_order(), tmp_path / "run")
    [(_, outcome)] = collect(executor, 1)
    assert outcome.status == "failed", "leaving without a result is a crash, whatever the exit code"
    seen = json.loads((tmp_path / "run" / "seen.json").read_text())
    assert "sk-not-for-you" not in seen["environment"].values()
    assert seen["environment"]["OMP_NUM_THREADS"] == "1"
    assert set(seen["files"]) <= {"null", "log.txt", "lock", "fd"}
    assert seen["ignores_interrupts"]
    assert seen["default_child_signal"]
    assert seen["leads_its_group"]


@both_ways
def test_close_kills_what_will_not_pause(local: Make, fork: bool, tmp_path: Path) -> None:
    executor, folder = local(train="odd_trainers:stubborn", fork=fork, grace_seconds=0.2), tmp_path / "run"
    executor.submit(make_order(), folder)
    wait_for((folder / "deaf").exists, "the run")
    [pid] = children_running(folder)
    executor.close()
    assert not alive(pid)
    assert [outcome.status for _, outcome in executor.poll(0.0)] == ["paused"]
    assert [attempt.how for attempt in read_attempts(folder)] == ["paused"]


def test_a_folder_belongs_to_one_run(local: Make, tmp_path: Path) -> None:
    executor = local()
    executor.submit(make_order(0), behave(tmp_path / "run"))
    with pytest.raises(AssertionError, match="belongs to run"):
        executor.submit(make_order(1), tmp_path / "run")


def test_a_full_disk_is_told(local: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    executor, order, folder = local(), make_order(), behave(tmp_path / "run")
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(UserError, match=r"run\.json.*No space left"):
            executor.submit(order, folder)
    assert [path.name for path in folder.iterdir()] == ["behave.json"]
    executor.submit(order, folder)
    assert [outcome.status for _, outcome in collect(executor, 1)] == ["finished"]


def test_a_broken_result_is_named(local: Make, tmp_path: Path) -> None:
    executor, order = local(), make_order()
    folder = behave(tmp_path / "run")
    (folder / "result.json").write_text("{")
    with pytest.raises(UserError, match=r"result\.json.*not valid JSON"):
        executor.submit(order, folder)


def test_a_trainer_that_writes_nonsense_fails(local: Make, tmp_path: Path) -> None:
    executor = local(train="odd_trainers:nonsense")
    executor.submit(make_order(), tmp_path / "run")
    [(_, outcome)] = collect(executor, 1)
    assert outcome.status == "failed"
    assert "result.json: key 'status' is missing" in outcome.message


def test_the_controller_loads_no_torch() -> None:
    code = "import sys, assay.execution.local, assay.execution.simulated; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
