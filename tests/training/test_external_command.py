import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from assay.evaluation.score import score_run
from assay.spec.errors import UserError
from assay.training.main import train
from tests.training.tiny import write_order

TRAINER = Path(__file__).parent / "external_trainer.py"


def script(folder: Path, text: str) -> tuple[str, ...]:
    path = folder / "trainer.py"
    path.write_text(text)
    return (sys.executable, str(path), "{run}")


def test_an_external_trainer_takes_the_built_in_ones_place(tmp_path: Path, corpus: Path) -> None:
    run_json = write_order(tmp_path, corpus, command=(sys.executable, str(TRAINER), "{run}"))
    result = train(run_json)
    assert (result.status, result.steps) == ("finished", 20)
    assert set(score_run(tmp_path).bits_per_byte) == {"docs", "code"}
    assert train(run_json) == result


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise SystemExit(3)", "exit code 3"),
        ("pass", r"result\.json: no such file"),
        ("open('result.json', 'w').write('{')", "not valid JSON"),
        (
            'open(\'result.json\', \'w\').write(\'{"status": "finished", "steps": 1, "tokens": 1, "flops": 1.0}\')',
            "no complete checkpoint",
        ),
    ],
)
def test_a_bad_external_trainer_is_told_what_is_missing(tmp_path: Path, corpus: Path, text: str, message: str) -> None:
    run_json = write_order(tmp_path, corpus, command=script(tmp_path, text))
    with pytest.raises(UserError, match=message):
        train(run_json)
    assert not (tmp_path / "result.json").exists()


def test_a_command_that_does_not_exist(tmp_path: Path, corpus: Path) -> None:
    with pytest.raises(UserError, match="'no-such-trainer' cannot be started"):
        train(write_order(tmp_path, corpus, command=("no-such-trainer", "{run}")))


def test_a_pause_is_passed_on(tmp_path: Path, corpus: Path) -> None:
    text = """
import signal, sys, time
def stop(*_):
    open("told", "w").close()
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
open("ready", "w").close()
time.sleep(60)
"""
    run_json = write_order(tmp_path, corpus, command=script(tmp_path, text))

    def terminate() -> None:
        while not (tmp_path / "ready").exists():
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=terminate).start()
    with pytest.raises(UserError, match=r"result\.json: no such file"):
        train(run_json)
    assert (tmp_path / "told").exists()
