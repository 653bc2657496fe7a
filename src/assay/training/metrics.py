"""`metrics.jsonl`: one JSON object a step, appended, and cut back when a run goes on from a checkpoint."""

import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from assay.training.files import clear_when_full

FLUSH_SECONDS = 1.0


class MetricsFile:
    """Appends lines, kept in memory for at most a second. A context manager; leaving it writes what is left."""

    def __init__(self, path: Path, after_step: int) -> None:
        """Open for appending, dropping lines of steps after `after_step` (and a torn last line)."""
        self.path = path
        self.last_seconds = 0.0
        self._lines: list[str] = []
        self._flushed = time.monotonic()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        end = 0
        with open(self._file, "rb", closefd=False) as file:
            for line in file:
                try:
                    row = json.loads(line)
                except ValueError:
                    break
                self.last_seconds = row["seconds"]
                if row["step"] <= after_step and line.endswith(b"\n"):
                    end += len(line)
        os.ftruncate(self._file, end)
        os.lseek(self._file, end, os.SEEK_SET)

    def append(self, row: dict[str, Any]) -> None:
        """Add a line; write when a second has passed."""
        self._lines.append(json.dumps(row, separators=(",", ":")) + "\n")
        if time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self.flush()

    def flush(self, durably: bool = False) -> None:
        """Write what is in memory. Raises `UserError` when the disk is full."""
        data = memoryview("".join(self._lines).encode())
        self._lines.clear()
        self._flushed = time.monotonic()
        with clear_when_full(self.path):
            while data:
                data = data[os.write(self._file, data) :]
            if durably:
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
