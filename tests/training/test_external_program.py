"""Programs driven by a `trainer.toml`: their losses, pauses and weights, and what is said when something is missing."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.evaluation.score import score_run
from assay.execution.folder import answer
from assay.spec.errors import UserError
from assay.training.identity import trainer_identity
from assay.training.main import train
from tests.training.programs import PRINTED, REGEX, external, run
from tests.training.tiny import write_order

JSONL = 'open(os.path.join(out, "log"), "a").write(json.dumps({"n": step - 1, "nats": 4 - step / 100}) + "\\n")'
CSV = """open(os.path.join(out, "log"), "a").write(
        ("it,lr,nll\\n" if step == 1 else "") + f"{step},0.1,{4 - step / 100}\\n")"""
LOG = "{checkpoint_dir}/log"


@pytest.mark.parametrize(
    ("report", "metrics"),
    [
        (PRINTED, REGEX),
        ("print(json.dumps({'step': step, 'loss': 4 - step / 100}))", {"format": "jsonl"}),
        (JSONL, {"format": "jsonl", "file": LOG, "names": {"step": "n", "loss": "nats"}, "first_step": 0}),
        (CSV, {"format": "csv", "file": LOG, "names": {"step": "it", "loss": "nll", "lr": "lr"}}),
    ],
    ids=["regex", "jsonl-printed", "jsonl", "csv"],
)
def test_losses_are_read(tmp_path: Path, corpus: Path, report: str, metrics: dict[str, Any]) -> None:
    result = run(tmp_path, corpus, report=report, metrics=metrics)
    steps = result.steps
    assert result.status == "finished"
    assert steps > 20
    losses = [4 - step / 100 for step in range(1, steps + 1)]
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, steps + 1))
    assert [row["loss"] for row in rows] == pytest.approx(losses)
    half = [loss for step, loss in enumerate(losses, 1) if 0.4 * steps < step <= 0.5 * steps]
    assert result.half_loss == pytest.approx(sum(half) / len(half))
    assert result.peak_memory_mb > 1
    order_of = (tmp_path / "run" / "run.json").read_text()
    assert json.loads(order_of)["external"]["trainer"]["name"] == "program"


def test_scores_are_its_own_and_marked_so(tmp_path: Path, corpus: Path) -> None:
    own = external(tmp_path / "own")
    run_json = write_order(tmp_path / "run", corpus, external=own)
    train(run_json)
    assert score_run(run_json.parent).bits_per_byte == {"docs": 2.0, "code": 3.0}
    from assay.training.protocol import read_order

    outcome = answer(read_order(run_json), run_json.parent, {"docs": 1.0, "code": 3.0})
    assert outcome is not None
    assert outcome.score == 2.75
    assert "score" in outcome.self_reported
    assert "seconds" not in outcome.self_reported  # measured by assay


@pytest.mark.parametrize(
    ("score", "message"),
    [
        ("print('no idea')", "it printed no line with a JSON object .*; its last line is: no idea"),
        ("pass", "it printed nothing"),
        ("print('{\"docs\": 2.0}')", "no score for domain 'code'; it names: docs"),
        ('print(\'{"docs": 2.0, "code": NaN}\')', "its score for domain 'code' should be a positive number.* is nan"),
        ('print(\'{"docs": 2.0, "code": "3"}\')', "its score for domain 'code' should be a positive number"),
        ("raise SystemExit(4)", "ended with exit code 4"),
    ],
)
def test_a_bad_evaluation(tmp_path: Path, corpus: Path, score: str, message: str) -> None:
    own = external(tmp_path / "own")
    (tmp_path / "own" / "score.py").write_text(score)
    run_json = write_order(tmp_path / "run", corpus, external=own)
    train(run_json)
    with pytest.raises(UserError, match=f"evaluation of trainer 'program': .*{message}"):
        score_run(run_json.parent)
    assert not (run_json.parent / "scores.json").exists()


def test_an_answer_in_a_file(tmp_path: Path, corpus: Path) -> None:
    evaluation = {"command": ["{python}", "score.py", "{run_dir}/answer"], "file": "{run_dir}/answer"}
    own = external(tmp_path / "own", evaluation=evaluation)
    run_json = write_order(tmp_path / "run", corpus, external=own)
    train(run_json)
    with pytest.raises(UserError, match=r"it wrote no .*answer"):
        score_run(run_json.parent)
    (tmp_path / "own" / "score.py").write_text(
        "import sys; open(sys.argv[1], 'w').write('{\"docs\": 1.5, \"code\": 1.5}')"
    )
    assert score_run(run_json.parent).bits_per_byte == {"docs": 1.5, "code": 1.5}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"command": ["no-such-trainer", "{seed}"]}, "trainer 'program': 'no-such-trainer' cannot be started"),
        ({"end": "sys.exit(3)"}, "ended with exit code 3"),
        ({"report": "print('hm')"}, "the program printed no match with 'step' and 'loss'; its last line is: hm"),
        ({"metrics": {"format": "csv", "file": "{run_dir}/log"}}, r"the program ended, but .*/log is not there"),
        ({"report": JSONL, "metrics": {"format": "jsonl", "file": LOG}},
         "has no JSON object with 'step' and 'loss'; its last line is: {\"n\""),
        ({"end": "os.remove(os.path.join(out, 'weights'))"}, "left nothing in .*checkpoint"),
        ({"evaluation": None}, r"no \[evaluation\] in trainer.toml.*no complete checkpoint"),
        ({"prepare": ["{python}", "-c", "raise SystemExit(5)"]}, "prepare ended with exit code 5"),
        ({"values": {"schedule.name": {"wsd": "w"}}}, 'values."schedule.name" has no entry for cosine'),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)  # fmt: skip
def test_a_bad_program_is_told_what_is_missing(
    tmp_path: Path, corpus: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        run(tmp_path, corpus, **changes)
    assert not (tmp_path / "run" / "result.json").exists()


@pytest.mark.parametrize("end", ["", "sys.exit(1)"])
def test_a_loss_that_is_no_number_is_divergence_however_the_program_ends(
    tmp_path: Path, corpus: Path, end: str
) -> None:
    result = run(tmp_path, corpus, report="print(f'[{step}] loss={4.0 if step < 9 else \"nan\"}')", end=end)
    assert (result.status, result.loss) == ("diverged", None)


def test_what_is_prepared_is_deleted_in_the_end(tmp_path: Path, corpus: Path) -> None:
    prepare = ["{python}", "-c", "import sys; open(sys.argv[1], 'w').write('data')", "{scratch_dir}/data"]
    check = "assert open(os.path.join(out, '..', 'scratch', 'data')).read() == 'data'"
    assert run(tmp_path, corpus, prepare=prepare, end=check).status == "finished"
    assert not (tmp_path / "run" / "scratch").exists()


#: Trains a step in 10 ms, and on SIGTERM writes down how far it has come.
PAUSABLE = """
import os, signal, sys, time
steps, out, resumed = int(sys.argv[1]), sys.argv[2], sys.argv[3:] == ["--resume"]
last = os.path.join(out, "last")
step, stop = int(open(last).read()) if resumed else 0, []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
while step < steps and not stop:
    step += 1
    print(f"[{step}] loss={4 - step / 100}", flush=True)
    open(os.path.join(out, "at"), "w").write(str(step))
    time.sleep(0.01)
open(last if step < steps else os.path.join(out, "final"), "w").write(str(step))
"""


def pause_when(ready: Callable[[], bool]) -> None:
    """Ask this process to pause, as an executor does, once something is so."""

    def wait() -> None:
        while not ready():
            time.sleep(0.002)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


PAUSES = {
    "command": ["{python}", "program.py", "{steps}", "{checkpoint_dir}", "{seed}"][:4],
    "extra": [{"when": {"resumed": True}, "words": ["--resume"]}],
    "pause": {"checkpoint": "{checkpoint_dir}/last"},
    "prepare": ["{python}", "-c", "pass", "{seed}"],
}


def test_a_pause_and_half_a_run_go_on_from_the_programs_checkpoint(tmp_path: Path, corpus: Path) -> None:
    own = external(tmp_path / "own", **PAUSES)
    (tmp_path / "own" / "program.py").write_text(PAUSABLE)
    run_json = write_order(tmp_path / "run", corpus, external=own, stop_at_step=10)
    half = train(run_json)
    assert half.status == "paused"
    assert 10 <= half.steps < 40

    run_json = write_order(tmp_path / "run", corpus, external=own)
    at = tmp_path / "run" / "checkpoint" / "at"
    pause_when(lambda: int(at.read_text() or 0) > half.steps)
    paused = train(run_json)
    assert paused.status == "paused"
    assert paused.steps > half.steps
    done = train(run_json)
    assert done.status == "finished"
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, done.steps + 1))
    assert done.loss == pytest.approx(sum(4 - s / 100 for s in range(1, done.steps + 1) if s > 0.9 * done.steps) /
                                      sum(s > 0.9 * done.steps for s in range(1, done.steps + 1)))  # fmt: skip


def test_a_program_that_cannot_pause_is_killed_and_begins_anew(tmp_path: Path, corpus: Path) -> None:
    own = external(
        tmp_path / "own", report=PRINTED + "; import time; time.sleep(0.02); open(out + '/begun', 'w').close()"
    )
    run_json = write_order(tmp_path / "run", corpus, external=own)

    pause_when((tmp_path / "run" / "checkpoint" / "begun").exists)
    assert train(run_json).status == "paused"
    done = train(run_json)
    assert done.status == "finished"
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, done.steps + 1))


def test_identity_is_what_is_said_and_the_files_that_are_named(tmp_path: Path) -> None:
    one = external(tmp_path / "one", name="mine", version="7")
    two = external(tmp_path / "two", name="mine", version="7")
    known = trainer_identity(external=one)
    assert known.startswith("mine-7 ")
    assert trainer_identity(external=two) == known  # wherever it lies
    patient = external(tmp_path / "one", name="mine", version="7", silence_seconds=60.0)
    assert trainer_identity(external=patient) == known  # runs that end are the same runs
    (tmp_path / "two" / "score.py").write_text("print(1)")
    assert trainer_identity(external=two) != known
    (tmp_path / "one" / "model.py").write_text("a")
    named = external(tmp_path / "one", name="mine", version="7", files=["model.py"])
    before = trainer_identity(external=named)
    (tmp_path / "one" / "model.py").write_text("b")
    assert len({known, before, trainer_identity(external=named)}) == 3
    assert trainer_identity(external=external(tmp_path / "one", name="mine", version="8")) != known
