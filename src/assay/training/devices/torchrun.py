"""Several processes for one run, through torchrun."""

import json
import os
import subprocess
import sys
from pathlib import Path

from assay.spec.base import Frozen
from assay.spec.errors import UserError
from assay.spec.run import RunOrder, TrainingResult
from assay.training.pause import Pause

ANSWER = "answer.json"
POLL_SECONDS = 0.2


class Answer(Frozen):
    """`answer.json`: what the workers came to. It is gone once it was read."""

    result: TrainingResult | None = None
    error: str = ""


def train_by_torchrun(order: RunOrder, folder: Path, pause: Pause) -> TrainingResult:
    """Train a run in `order.hardware.processes` processes on this machine, and wait for them.

    When one of them is lost, torchrun ends the others; the newest checkpoint is where the run goes on.

    Raises:
        UserError: what a worker has to say to its user, or that one was lost.
    """
    answer = folder / ANSWER
    answer.unlink(missing_ok=True)
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1",
        "--nproc-per-node", str(order.hardware.processes), "--max-restarts", "0",
        "-m", "assay.training.devices.worker", str(folder / "run.json"),
    ]  # fmt: skip
    # A session of its own: Ctrl-C is for us alone, who pass it on as a pause.
    process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, env=_environment())
    assert process.stdin is not None
    with process.stdin as line:
        told = False
        while process.poll() is None:
            if pause.requested and not told:
                told = True
                os.write(line.fileno(), b"p")
            try:
                process.wait(POLL_SECONDS)
            except subprocess.TimeoutExpired:
                continue
    if answer.exists():
        given = Answer.parse(json.loads(answer.read_text()), str(answer))
        answer.unlink()
        if given.result is not None:
            return given.result
        raise UserError(given.error)
    raise UserError(
        f"a worker process of the run was lost (torchrun ended with exit code {process.returncode}; the output above "
        f"says more); start the run again to go on from its newest checkpoint"
    )


def _environment() -> dict[str, str]:
    threads = os.environ.get("OMP_NUM_THREADS", "1")
    return os.environ | {"OMP_NUM_THREADS": threads, "PYTHONUNBUFFERED": "1"}
