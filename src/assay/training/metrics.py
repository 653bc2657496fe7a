"""`metrics.jsonl`: one JSON object a step, appended, and cut back when a run goes on from a checkpoint."""

import json
import math
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from assay.training.files import clear_when_full

FLUSH_SECONDS = 1.0


class MetricsFile:
    """Appends lines, kept in memory for at most a second. A context manager; leaving it writes what is left."""

    def __init__(self, path: Path, position: int) -> None:
        """Open for appending after byte `position`, the end that a checkpoint knew; what came later is dropped."""
        self.path = path
        self.last_seconds = 0.0
        self._rows: list[dict[str, Any]] = []
        self._flushed = time.monotonic()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self.position = min(position, os.fstat(self._file).st_size)
        os.lseek(self._file, self.position, os.SEEK_SET)
        with open(self._file, "rb", closefd=False) as file:
            for line in file:
                try:
                    self.last_seconds = json.loads(line)["seconds"]
                except ValueError:  # a last line that was cut short
                    break
        os.ftruncate(self._file, self.position)
        os.lseek(self._file, self.position, os.SEEK_SET)

    def append(self, row: dict[str, Any]) -> None:
        """Add a line; write when a second has passed. Making text of many lines at once is several times as fast."""
        self._rows.append(row)
        if time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> int:
        """Write what is in memory; the file's length then. Raises `UserError` when the disk is full."""
        data = memoryview("".join(map(_line, self._rows)).encode())
        self._rows.clear()
        self._flushed = time.monotonic()
        with clear_when_full(self.path):
            while data:
                written = os.write(self._file, data)
                self.position += written
                data = data[written:]
        return self.position

    def sync(self) -> None:
        """Wait until what was written is on disk; may be called by another thread."""
        with clear_when_full(self.path):
            os.fsync(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.flush()
        finally:
            os.close(self._file)


class NoMetrics(MetricsFile):
    """What the other processes of a run have in place of the first one's file."""

    def __init__(self) -> None:
        self.last_seconds = 0.0

    def append(self, row: dict[str, Any]) -> None: ...

    def flush(self) -> int:
        return 0

    def sync(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def _line(row: dict[str, Any]) -> str:
    tidy = {key: _tidy(value) if isinstance(value, dict) else value for key, value in row.items()}
    return json.dumps(tidy, separators=(",", ":")) + "\n"


def _tidy(value: Any) -> Any:
    """Numbers of a table, and of lists and tables in it, to six digits; None for what JSON cannot say."""
    if isinstance(value, dict):
        return {name: _tidy(each) for name, each in cast(dict[str, Any], value).items()}
    if isinstance(value, list):
        return [_tidy(each) for each in cast(list[Any], value)]
    return float(f"{value:.6g}") if math.isfinite(value) else None
