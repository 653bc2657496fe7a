"""Programs that fall silent, and programs that stop before they have trained as long as they were told."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.evaluation.score import score_run
from assay.spec.errors import UserError
from assay.spec.external import Plan
from assay.training.external import process
from assay.training.external.reached import Reached
from assay.training.main import train
from tests.execution.helpers import alive
from tests.training.programs import PRINTED, REGEX, external, run
from tests.training.tiny import write_order
from tests.waiting import wait_for

#: Says a word, starts a process in a session of its own, as launchers do, and waits for what never comes.
HANGS = ["sh", "-c", "printf working; setsid sleep 600 & echo $! > {run_dir}/pid; wait", "{seed}"]
sessions = pytest.mark.skipif(shutil.which("setsid") is None, reason="there is no setsid to start a session with")
SILENT = r"neither printed anything nor reported a loss for 1 s, so it was killed; .* silence_seconds in trainer.toml"


@sessions
@pytest.mark.parametrize("which", ["prepare", "command", "evaluation"])
def test_a_silent_command_is_killed_with_all_that_it_started(
    tmp_path: Path, corpus: Path, which: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    changes: dict[str, Any] = {which: {"command": HANGS} if which == "evaluation" else HANGS}
    own = external(tmp_path / "own", silence_seconds=1.0, **changes)
    run_json = write_order(tmp_path / "run", corpus, external=own)
    if which == "evaluation":
        train(run_json)
    with pytest.raises(UserError, match=f"trainer 'program': (prepare|sh) {SILENT} of {tmp_path / 'own'}"):
        score_run(run_json.parent) if which == "evaluation" else train(run_json)
    assert (run_json.parent / "result.json").exists() == (which == "evaluation")
    assert not (run_json.parent / "scores.json").exists()
    assert capfdbinary.readouterr().out.endswith(b"working\n")  # what follows in a log begins a line
    pid = int((run_json.parent / "pid").read_text())
    wait_for(lambda: not alive(pid), "the process that it started to end")


#: Lets the clock of the test leap by 3,500 s before each report.
LEAPS = """if step < 4:
        time.sleep(0.3)
        open(clock + ".new", "w").write(str(3500 * step))
        os.replace(clock + ".new", clock)
    """
APPENDED = 'open(os.path.join(out, "log"), "a").write(json.dumps({"step": step, "loss": 4 - step / 100}) + "\\n")'


@pytest.mark.parametrize(
    ("report", "metrics"),
    [
        (PRINTED, REGEX),
        ("print('.', end=''); " + APPENDED, {"format": "jsonl", "file": "{checkpoint_dir}/log"}),
        (APPENDED, {"format": "jsonl", "file": "{checkpoint_dir}/log"}),
    ],
    ids=["losses", "unflushed dots", "a file"],
)
def test_a_slow_program_that_gives_signs_of_life_may_take_hours(
    tmp_path: Path, corpus: Path, report: str, metrics: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0")
    monkeypatch.setattr(process, "time", SimpleNamespace(monotonic=lambda: float(clock.read_text())))
    begin = f"import time; clock = {str(clock)!r}; "
    result = run(tmp_path, corpus, report=begin + "\n    " + LEAPS + report, metrics=metrics)
    assert result.status == "finished"
    assert float(clock.read_text()) > 3 * 3400


def test_an_hour_of_silence_is_too_much(tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0")
    monkeypatch.setattr(process, "time", SimpleNamespace(monotonic=lambda: float(clock.read_text())))
    waits = ["sh", "-c", f"sleep 0.3; echo 3601 > {clock}.new; mv {clock}.new {clock}; sleep 60", "{seed}"]
    with pytest.raises(UserError, match="for 3600 s, so it was killed"):
        run(tmp_path, corpus, command=waits)


def test_a_silence_ends_though_the_output_was_closed(tmp_path: Path, corpus: Path) -> None:
    command = ["sh", "-c", "exec > /dev/null 2>&1; sleep 600", "{seed}"]
    with pytest.raises(UserError, match=SILENT):
        run(tmp_path, corpus, command=command, silence_seconds=1.0)


STOPS = "open('told', 'w').write(str(steps))\n    if step > {last}: break\n    "


@pytest.mark.parametrize("every", [1, 4])
def test_a_program_that_stops_early_without_an_error_has_no_result(tmp_path: Path, corpus: Path, every: int) -> None:
    report = STOPS.format(last=12) + f"if step % {every} == 0: {PRINTED}"
    with pytest.raises(UserError, match=r"python\S* stopped after step 12 of \d+ with exit code 0") as error:
        run(tmp_path, corpus, report=report)
    told = json.loads((tmp_path / "own" / "told").read_text())
    assert f"of {told} with exit code 0, as its output says" in str(error.value)
    assert not (tmp_path / "run" / "result.json").exists()


@pytest.mark.parametrize(
    "report",
    [
        "if step % 5 == 0: " + PRINTED,
        PRINTED.replace("[{step}]", "[{step - 1}]"),  # counts from 0, which trainer.toml does not say
        "if step <= 10 or step % 25 == 0: " + PRINTED,
    ],
    ids=["every fifth", "counted from 0", "seldom after the first"],
)
def test_a_program_need_not_report_its_last_step(tmp_path: Path, corpus: Path, report: str) -> None:
    assert run(tmp_path, corpus, report=report).status == "finished"


def test_fewer_tokens_than_the_recipe_asks_for(tmp_path: Path, corpus: Path) -> None:
    metrics = {"format": "jsonl", "names": {"step": "step", "loss": "loss", "tokens": "seen"}}
    report = "print(json.dumps({{'step': step, 'loss': 4.0, 'seen': step * {each}}}))"
    result = run(tmp_path, corpus, report=report.format(each=4 * 16), metrics=metrics)
    assert (result.status, result.tokens) == ("finished", result.steps * 4 * 16)
    (tmp_path / "run" / "result.json").unlink()
    half = f"stopped after {result.tokens // 2} of {result.tokens} tokens with exit code 0"
    with pytest.raises(UserError, match=half):
        run(tmp_path, corpus, report=report.format(each=2 * 16), metrics=metrics)


@given(st.data())
def test_only_what_an_interval_of_reports_explains_may_be_missing(data: st.DataObject) -> None:
    every = data.draw(st.integers(1, 30), "steps between reports")
    steps = data.draw(st.integers(2 * every + 1, 200), "steps asked for")
    done = data.draw(st.one_of(st.just(steps), st.integers(1, steps)), "steps trained")
    habit = data.draw(st.sampled_from(["from 1", "from 0", "from 0, unsaid"]))
    if habit == "from 1":
        reports = [step for step in range(1, done + 1) if step % every == 0]
    else:
        reports = [step + (habit == "from 0") for step in range(done) if step % every == 0]
    reached = Reached(Plan(steps, 64, 1.0), [])
    for step in reports:
        if step > 0:
            reached.report({"step": step, "loss": 1.0})
    if done == steps:
        assert reached.shortfall() == ""
    elif steps - done > every:
        assert f" of {steps}" in reached.shortfall()
