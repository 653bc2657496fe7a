"""Train one run, whoever asks: a forked worker, or `python -m assay.training run.json`."""

from collections.abc import Callable
from pathlib import Path

from assay.spec.run import RunOrder, TrainingResult
from assay.training.devices.torchrun import train_by_torchrun
from assay.training.external.command import train_by_command
from assay.training.external.program import train_by_program
from assay.training.files import replace_file
from assay.training.packed import train_pack
from assay.training.pause import Pause
from assay.training.protocol import pack_folders, read_order, read_result
from assay.training.trainer import train_run

RESULT = "result.json"


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
    folder, order = run_json.absolute().parent, read_order(run_json)
    if order.hardware.packed and not (order.command or order.external):
        return _train_packed(folder, pause)
    if earlier := _begin(folder):
        return earlier
    result = _trainer(order)(order, folder, pause)
    _write(folder, result)
    return result


def _train_packed(folder: Path, pause: Pause) -> TrainingResult:
    """Train a run and those that go with it; its own result."""
    folders = pack_folders(folder)
    orders = {each: read_order(each / "run.json") for each in folders if _begin(each) is None}
    for each, result in train_pack(orders, pause).items():
        _write(each, result)
    return read_result(folder / RESULT)


def _begin(folder: Path) -> TrainingResult | None:
    """The result of a run that has ended already. One that was paused goes, so that a crash does not pass for it."""
    path = folder / RESULT
    if path.exists():
        earlier = read_result(path)
        if earlier.status != "paused":
            return earlier
        path.unlink()
    return None


def _write(folder: Path, result: TrainingResult) -> None:
    replace_file(folder / RESULT, (result.model_dump_json(indent=1) + "\n").encode())


def _trainer(order: RunOrder) -> Callable[[RunOrder, Path, Pause], TrainingResult]:
    if order.command:
        return train_by_command
    if order.external:
        return train_by_program
    return train_by_torchrun if order.hardware.processes > 1 else train_run
