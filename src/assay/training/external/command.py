"""A program that speaks the run folder's protocol: it reads `run.json` and leaves the same files as the built-in one.

What it must leave in the run's folder: `result.json` (`spec.run.TrainingResult`) and, unless it diverged, a
checkpoint as `assay.training.checkpoint` describes, whose `model.safetensors` has the names and shapes of the
recipe's `GPT` (evaluation builds that model and loads those weights). `metrics.jsonl` is optional, for people to
watch. On SIGTERM it should write a checkpoint and a result with status "paused", and go on from there next time.
"""

import subprocess
from pathlib import Path

from assay.spec.errors import UserError
from assay.spec.run import RunOrder, TrainingResult
from assay.training.external.process import start
from assay.training.pause import Pause
from assay.training.protocol import read_result
from assay.training.restore import load_model

POLL_SECONDS = 0.2


def train_by_command(order: RunOrder, folder: Path, pause: Pause) -> TrainingResult:
    """Run the order's command in the run's folder, pass a pause on to it, and check what it left.

    Raises:
        UserError: the command cannot be started, fails, or leaves something that evaluation could not use.
    """
    command = [part.replace("{run}", str(folder / "run.json")) for part in order.command]
    process = start(command, folder, "execution.command")
    told = False
    while process.poll() is None:
        if pause.requested and not told:
            process.terminate()
            told = True
        try:
            process.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    name = f"the external trainer '{command[0]}'"
    if process.returncode != 0:
        raise UserError(f"{name} ended with exit code {process.returncode}; its output says why")
    path = folder / "result.json"
    try:
        result = read_result(path)
        if result.status != "diverged":
            load_model(folder)
    except UserError as error:
        path.unlink(missing_ok=True)  # or it would pass for an answer
        raise UserError(f"{name} ended well but what it left cannot be used: {error}") from None
    return result
