"""Reading `metrics.jsonl` while somebody else writes it."""

import json
from pathlib import Path
from typing import Any, cast


class Follow:
    """The lines of a run's metrics that are new since one looked last."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "metrics.jsonl"
        self._position = 0

    def new(self) -> list[dict[str, Any]]:
        """Complete lines since the last call. A run that went back to a checkpoint repeats some steps."""
        try:
            with self._path.open("rb") as file:
                if self._position > file.seek(0, 2):  # cut back: what follows was not read yet
                    self._position = file.tell()
                file.seek(self._position)
                data = file.read()
        except FileNotFoundError:
            return []
        whole, _, _ = data.rpartition(b"\n")
        self._position += len(whole) + 1 if whole else 0
        found: list[dict[str, Any]] = []
        for line in whole.splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict):
                found.append(cast(dict[str, Any], row))
        return found
