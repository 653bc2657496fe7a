"""Nothing that was measured is lost, and nothing is decided otherwise, whatever is killed or paused, and when."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from assay.campaign.lab import Lab
from assay.campaign.watch import Silent
from assay.execution.attempts import read_attempts
from tests.campaign.conftest import MakeLab
from tests.campaign.helpers import (
    assay,
    history,
    make_lab,
    of_kind,
    proposal,
    results,
    scores,
    simulate,
    start,
)
from tests.waiting import PATIENCE, wait_for

ROOT = Path(__file__).parents[2]
RUNS = 44
#: Runs of some seconds, so that they can be met in the middle.
LONG = [
    {"name": "one", "width": 32, "depth": 1, "flops": 2e10},
    {"name": "two", "width": 32, "depth": 1, "flops": 4e10},
]


@pytest.mark.parametrize(
    ("seed", "use"), [(1, ["known", "tpe"]), (2, ["tpe"]), pytest.param(3, ["random"], marks=pytest.mark.slow)]
)
def test_a_controller_killed_at_every_turn_decides_as_an_undisturbed_one(
    lab: MakeLab, seed: int, use: list[str]
) -> None:
    calm, killed = lab(researchers={"use": use}), lab(researchers={"use": use})
    for each in (calm, killed):
        each.store.post("propose", proposal({"optimiser.lr": 1e-3}))
        each.store.post("propose", proposal({"optimiser.lr": 2000.0}))
        each.store.post("propose", proposal({"optimiser.name": "muon"}))
    assert "90 runs" in simulate(calm, "90runs")
    words = [sys.executable, "-m", "tests.campaign.killed", str(killed.folder), "90runs", str(seed)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 10
    same(killed, calm)
    assert [body["reason"] for body in of_kind(calm, "refused")], "one proposal lies outside the search space"


@pytest.mark.parametrize("runs", [4, 5, 13])
def test_a_session_interrupted_after_every_line_it_says_decides_as_an_undisturbed_one(lab: MakeLab, runs: int) -> None:
    """Also where nothing is left of the budget but the end itself."""
    calm, made = lab(), lab()
    simulate(calm, f"{runs}runs")

    class Impatient(Silent):
        def say(self, line: str) -> None:
            if not line.startswith("Session"):
                raise KeyboardInterrupt

    budget: str | None = f"{runs}runs"
    while not of_kind(made, "end"):
        with contextlib.suppress(KeyboardInterrupt):
            simulate(made, budget, watcher=Impatient())
        budget = None
    assert len(of_kind(made, "session")) > runs
    assert min(body["budget"]["runs"] for body in of_kind(made, "session")) == 0
    assert history(made) == history(calm)


def same(one: Lab, other: Lab) -> None:
    """Both labs decided alike, on the same runs, with the same scores to the last bit."""
    assert history(one) == history(other)
    assert scores(one) == scores(other)
    assert of_kind(other, "promotion")
    assert one.store.verify_ledger().bad_seq is None
    assert len(one.campaign(check=True).every_verdict) == len(of_kind(other, "verdict"))


# Real processes

Make = Callable[[str], Lab]


@pytest.fixture(scope="module")
def real(corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Makes labs that all have the same way before them, with a promotion on it."""

    def make(name: str) -> Lab:
        made = make_lab(tmp_path_factory.mktemp(name) / "lab", corpora, execution={"in_flight": 2})
        made.store.post("propose", proposal({"optimiser.lr": 3e-3}))
        made.store.post("propose", proposal({"optimiser.lr": 900.0}))
        return made

    return make


@pytest.fixture(scope="module")
def calm(real: Make) -> Lab:
    """A campaign that nothing disturbed."""
    made = real("calm")
    done = assay("run", made.folder, "--budget", f"{RUNS}runs")
    assert done.returncode == 0, done.stderr
    assert f"the budget of {RUNS} runs is spent" in done.stdout
    return made


@pytest.fixture
def running() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `assay`, and kills at the test's end what still runs."""
    made: list[subprocess.Popen[str]] = []

    def run(*words: str | Path) -> subprocess.Popen[str]:
        made.append(start(*words))
        return made[-1]

    yield run
    for process in made:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE)


Running = Callable[..., subprocess.Popen[str]]


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "counted"), [(1, False), (2, False), (3, True)])
def test_kill_9_of_the_controller_three_times_changes_nothing(
    calm: Lab, real: Make, running: Running, seed: int, counted: bool
) -> None:
    made, draw = real("killed"), random.Random(seed)
    budget = ["--budget", f"{RUNS}runs"]
    for kill in range(3):
        controller = running("run", made.folder, *budget)
        goal = results(made) + draw.randint(1, 13)
        wait_for(lambda: results(made) >= goal or controller.poll() is not None, "results")  # noqa: B023
        time.sleep(draw.random() * 0.5)
        controller.kill()
        assert controller.wait(PATIENCE) == -signal.SIGKILL, f"kill {kill} came too late"
        finished = {body["run"] for body in of_kind(made, "result")}
        budget = ["--budget", f"{RUNS - len(finished)}runs"] if counted else []
    done = assay("run", made.folder, *budget)
    assert done.returncode == 0, done.stderr
    assert len(of_kind(made, "session")) == 4
    same(made, calm)


@pytest.mark.slow
def test_divergence_is_a_verdict_and_no_crash(calm: Lab) -> None:
    verdict = next(body for body in of_kind(calm, "verdict") if body["number"] == 2)
    assert verdict["decision"] == "refuted"
    assert "diverged" in verdict["reasons"][0]
    rows = [row for row in calm.store.run_rows() if row["status"] == "diverged"]
    assert rows
    for row in rows:
        assert [attempt.how for attempt in read_attempts(calm.run_dir(row["hash"]))] == ["diverged"]


def attempts_under_way(lab: Lab) -> list[tuple[Path, int, str]]:
    """Run folders with a living process of theirs: its id and whether it trains or evaluates."""
    found: list[tuple[Path, int, str]] = []
    for path in (lab.folder / "runs").glob("*/attempts.jsonl"):
        attempts = read_attempts(path.parent)
        if attempts and attempts[-1].ended is None and psutil.pid_exists(attempts[-1].pid):
            found.append((path.parent, attempts[-1].pid, attempts[-1].kind))
    return found


@pytest.mark.slow
def test_kill_9_of_runs_costs_a_second_attempt_and_changes_nothing(calm: Lab, real: Make, running: Running) -> None:
    made = real("runs")
    controller = running("run", made.folder, "--budget", f"{RUNS}runs")
    aimed: set[Path] = set()
    while controller.poll() is None:
        for folder, pid, kind in attempts_under_way(made):
            if folder not in aimed and len(killed(aimed, kind)) < 3:
                aimed.add(folder)  # once: after a second crash a run would count as failed
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)
    assert controller.returncode == 0
    assert killed(aimed, "train")
    assert killed(aimed, "evaluate")
    same(made, calm)


def killed(folders: set[Path], kind: str) -> list[Path]:
    """Those run folders in which a process of a kind was killed."""
    return [f for f in folders if any(a.kind == kind and "SIGKILL" in a.how for a in read_attempts(f))]


@pytest.mark.slow
def test_kill_9_of_the_warm_parent_changes_nothing(calm: Lab, real: Make, running: Running) -> None:
    made = real("zygote")
    controller = running("run", made.folder, "--budget", f"{RUNS}runs")
    family = psutil.Process(controller.pid)
    killed: set[int] = set()
    for goal in (2, 15, 30):
        wait_for(lambda: results(made) >= goal, "results")  # noqa: B023
        [zygote] = wait_for(lambda: [c for c in family.children() if c.pid not in killed], "a warm parent")
        assert "assay.execution.zygote" in " ".join(zygote.cmdline())
        zygote.kill()
        killed.add(zygote.pid)
    assert controller.wait(300) == 0
    same(made, calm)


@pytest.mark.slow
def test_a_trainer_that_always_fails_is_named_with_the_end_of_its_log(lab: MakeLab) -> None:
    command = [sys.executable, "-S", "-c", "print('no accelerator here'); raise SystemExit(1)"]
    made = lab(execution={"in_flight": 2, "command": command})
    done = assay("run", made.folder, "--budget", "40runs")
    assert done.returncode == 0, done.stderr
    verdicts = of_kind(made, "verdict")
    assert len(verdicts) >= 2
    rows = {row["hash"]: row for row in made.store.run_rows()}
    for verdict in verdicts:
        assert verdict["decision"] == "inconclusive"
        [named] = [run for run in rows if run in verdict["reasons"][0]]
        assert rows[named]["status"] == "failed"
        assert "no accelerator here" in verdict["reasons"][0]
        assert "no accelerator here" in rows[named]["message"]
        assert [attempt.kind for attempt in read_attempts(made.run_dir(named))] == ["train", "train"]
    assert "no accelerator here" in done.stdout.split("Session ended")[1]
    assert assay("ledger", "verify", made.folder).returncode == 0


def stop(process: subprocess.Popen[str], send: Callable[[], Any]) -> str:
    """Send a signal, wait for the end in order, and for every process that belonged to it; returns what was said."""
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 2, "a warm parent and a run"
    send()
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, said
    _, alive = psutil.wait_procs(family, timeout=0)
    assert alive == []
    return said


@pytest.mark.slow
def test_ctrl_c_and_sigterm_pause_every_run_and_the_next_call_goes_on(lab: MakeLab, running: Running) -> None:
    calm, made = lab(ladder=LONG), lab(ladder=LONG)
    done = assay("run", calm.folder, "--budget", "7runs")
    assert done.returncode == 0, done.stderr
    sends: list[Callable[[subprocess.Popen[str]], Any]] = [
        lambda process: process.send_signal(signal.SIGINT),
        lambda process: os.killpg(process.pid, signal.SIGINT),
        lambda process: process.send_signal(signal.SIGTERM),
    ]
    resumed: set[str] = set()
    for number, send in enumerate(sends):
        process = running("run", made.folder, *([] if number else ["--budget", "7runs"]))
        wait_for(lambda: training(made), "a training in its middle")
        said = stop(process, lambda: send(process))  # noqa: B023
        assert "Paused." in said
        assert "Traceback" not in said
        assert [entry.kind for entry in made.store.ledger()][-1] == "note"
        assert of_kind(made, "end") == []
        paused = {row["hash"] for row in made.store.run_rows() if row["status"] == "paused"}
        assert {row["status"] for row in made.store.run_rows()} <= {"paused", "finished"}
        met = {run for run in paused if any(a.how == "paused" for a in read_attempts(made.run_dir(run)))}
        assert met
        for run in met:
            assert list((made.run_dir(run) / "checkpoint").glob("step-*"))
        resumed |= met
        assert "interrupted" in assay("status", made.folder).stdout
    done = assay("run", made.folder)
    assert done.returncode == 0, done.stderr
    logs = [(made.run_dir(run) / "log.txt").read_text() for run in resumed]
    assert any("resumed at step" in log and "resumed at step 0" not in log for log in logs)
    assert history(made) == history(calm)
    assert scores(made) == scores(calm)


def training(lab: Lab) -> list[Path]:
    """Run folders in which a process has done some steps of its training."""
    return [
        folder
        for folder, _, kind in attempts_under_way(lab)
        if kind == "train" and (folder / "metrics.jsonl").exists() and (folder / "metrics.jsonl").stat().st_size
    ]


@pytest.mark.slow
def test_a_second_controller_is_refused_and_a_killed_one_leaves_no_lock(lab: MakeLab, running: Running) -> None:
    made = lab(ladder=LONG)
    first = running("run", made.folder, "--budget", "4runs")
    wait_for(lambda: training(made), "a training")
    second = assay("run", made.folder, "--budget", "4runs")
    assert second.returncode == 2
    assert second.stderr.count("\n") == 1
    assert f"process {first.pid} of" in second.stderr
    assert "`assay run`" in second.stderr
    assert f"(process {first.pid})" in assay("status", made.folder).stdout
    orphans = psutil.Process(first.pid).children(recursive=True)
    first.kill()
    first.wait(PATIENCE)
    assert "interrupted" in assay("status", made.folder).stdout
    assert assay("run", made.folder).returncode == 0
    assert psutil.wait_procs(orphans, timeout=PATIENCE)[1] == []
    assert len(scores(made)) + sum(row["status"] == "paused" for row in made.store.run_rows()) == 4


@pytest.mark.slow
def test_the_time_of_a_session_is_a_hard_limit(lab: MakeLab) -> None:
    made = lab(ladder=LONG)
    begun = time.monotonic()
    done = assay("run", made.folder, "--budget", "9s")
    assert done.returncode == 0, done.stderr
    assert "the budget of 9 s is spent" in done.stdout
    assert time.monotonic() - begun < 9 + 2 + 4  # what the last steps and the interpreter's own start may take here
    assert {row["status"] for row in made.store.run_rows()} <= {"finished", "paused"}


@pytest.mark.slow
def test_a_proposal_is_cancelled_by_the_command_line_while_it_runs(lab: MakeLab, running: Running) -> None:
    made = lab(ladder=LONG, execution={"in_flight": 1})
    process = running("run", made.folder, "--budget", "5runs")
    wait_for(lambda: training(made), "a training")
    told = assay("cancel", made.folder, "1")
    assert told.returncode == 0, told.stderr
    assert "within a second" in told.stdout
    wait_for(lambda: of_kind(made, "verdict"), "the verdict")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    verdict = of_kind(made, "verdict")[0]
    assert verdict["decision"] == "inconclusive"
    assert "cancelled by human:" in verdict["reasons"][0]
    assert assay("run", made.folder).returncode == 0
    assert of_kind(made, "proposal")[1:]
    again = assay("cancel", made.folder, "1")
    assert again.returncode == 2
    assert "has its verdict already" in again.stderr
    assert assay("ledger", "verify", made.folder).returncode == 0
