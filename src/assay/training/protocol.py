"""Reading what a run's folder says: `run.json`, the order, and `result.json`, the answer."""

from pathlib import Path

from assay.spec.base import read_json
from assay.spec.run import RunOrder, TrainingResult

PACK = "pack.json"


def read_order(path: Path) -> RunOrder:
    """Read a run's order. Raises `UserError` naming the file, the key and what was expected."""
    return RunOrder.parse(read_json(path), str(path))


def read_result(path: Path) -> TrainingResult:
    """Read how a training ended. Raises `UserError` naming the file, the key and what was expected."""
    return TrainingResult.parse(read_json(path), str(path))


def pack_folders(folder: Path) -> tuple[Path, ...]:
    """Folders of the runs that train in one process with a run, its own first: `pack.json`, written by an executor."""
    path = folder / PACK
    return (folder, *(Path(name) for name in read_json(path)["with"])) if path.exists() else (folder,)
