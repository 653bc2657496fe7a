"""Reading what a run's folder says: `run.json`, the order, and `result.json`, the answer."""

import json
from pathlib import Path
from typing import Any

from assay.spec.errors import UserError
from assay.spec.run import RunOrder, TrainingResult

PACK = "pack.json"


def read_order(path: Path) -> RunOrder:
    """Read a run's order. Raises `UserError` naming the file, the key and what was expected."""
    return RunOrder.parse(_read(path), str(path))


def read_result(path: Path) -> TrainingResult:
    """Read how a training ended. Raises `UserError` naming the file, the key and what was expected."""
    return TrainingResult.parse(_read(path), str(path))


def pack_folders(folder: Path) -> tuple[Path, ...]:
    """Folders of the runs that train in one process with a run, its own first: `pack.json`, written by an executor."""
    path = folder / PACK
    return (folder, *(Path(name) for name in _read(path)["with"])) if path.exists() else (folder,)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; a run's {path.name} was expected") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder; the path of a JSON file in it was expected") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise UserError(f"{path}: not valid JSON: {error}") from None
