"""Train one run, whoever asks: a forked worker, or `python -m assay.training run.json`."""

from pathlib import Path

from assay.spec.run import TrainingResult
from assay.training.external.command import train_by_command
from assay.training.external.program import train_by_program
from assay.training.files import replace_file
from assay.training.pause import Pause
from assay.training.protocol import read_order, read_result
from assay.training.trainer import train_run


def train(run_json: Path, pause: Pause | None = None) -> TrainingResult:
    """Train the run that `run.json` orders and write `result.json` next to it; a finished one is returned at once.

    On SIGTERM it stops at the end of the current step with a checkpoint and status "paused"; called again, it goes
    on, and ends with the same bits as if it had never stopped.

    Args:
        run_json: path of a `spec.run.RunOrder`.
        pause: a handler that is entered already; None: signals are handled while this runs.

    Raises:
        UserError: the order, the corpus or the disk stands in the way; nothing that was saved is lost.
    """
    if pause is None:
        with Pause() as entered:
            return train(run_json, entered)
    run_json = run_json.absolute()
    order, path = read_order(run_json), run_json.parent / "result.json"
    if path.exists():
        earlier = read_result(path)
        if earlier.status != "paused":
            return earlier
        path.unlink()  # so that a crash from here on does not pass for a pause
    trainer = train_by_command if order.command else train_by_program if order.external else train_run
    result = trainer(order, run_json.parent, pause)
    replace_file(path, (result.model_dump_json(indent=1) + "\n").encode())
    return result
