"""What a program says of its training: read as it comes, kept as the run's own metrics, and judged in the end."""

import contextlib
import json
import math
import time
from pathlib import Path
from typing import Any

from assay.spec.errors import UserError
from assay.spec.run import RunOrder
from assay.training.external.facts import Filled
from assay.training.external.metrics import Lines, Row, Tail, reader
from assay.training.external.reached import Reached
from assay.training.metrics import MetricsFile

#: Of what a program reports, what is reckoned here for the run's own metrics.
COUNTS = ("step", "tokens")


class Log:
    """The program's losses: read as they come, and written to the run's own `metrics.jsonl`."""

    def __init__(self, order: RunOrder, folder: Path, filled: Filled, resumed: bool) -> None:
        self._order, self._path, self._reading = order, folder / "metrics.jsonl", filled.trainer.metrics
        assert order.external is not None
        self.plan = order.external.plan(order.run.recipe, order.run.scale, order.vocab)
        earlier = _rows(self._path)
        self.seconds_before = max((row.get("seconds", 0.0) for row in earlier), default=0.0)
        self.before = earlier if resumed else []
        self.rows: list[dict[str, Any]] = []
        self.step, self.last_loss = max((row["step"] for row in self.before), default=0), math.nan
        self._reached = Reached(self.plan, [row["step"] for row in self.before])
        self._file: MetricsFile | None = None
        self._began = time.perf_counter()
        self._read = reader(self._reading)
        self._lines = Lines()
        self.source = Path(filled.text(self._reading.file)) if self._reading.file else None
        if self.source is not None and not resumed:
            self.source.unlink(missing_ok=True)
        self._tail = Tail(self.source, self._take, self._read) if self.source else None
        self._seen = ""

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, *_: object) -> None:
        if self._tail is not None:
            self._tail.end()
        else:
            for line in self._lines.end():
                self._take(line)
        if self._file is not None:
            self._file.__exit__(None, None, None)

    def printed(self, data: bytes) -> None:
        """Take what the program printed."""
        if self._tail is None:
            for line in self._lines.feed(data):
                self._take(line)

    def poll(self) -> bool:
        """Read what the program wrote to its file; whether it wrote anything."""
        return self._tail is not None and self._tail.poll()

    def _take(self, line: str) -> None:
        self._seen = line if line.strip() else self._seen
        row = self._read(line)
        if row is None or row["step"] < 1:
            return
        self._reached.report(row)
        if row["step"] <= self.plan.steps:  # some train a step beyond what they save
            self._add(row)

    def _add(self, row: Row) -> None:
        step = int(row["step"])
        if self._file is None:  # rows of steps that are done again, from a checkpoint before them, go
            self.before = [earlier for earlier in self.before if earlier["step"] < step]
            self._file = MetricsFile(self._path, _length(self._path, len(self.before)))
        self.step, self.last_loss = step, row["loss"]
        told = {name: value if math.isfinite(value) else None for name, value in row.items() if name not in COUNTS}
        tokens, seconds = step * self.plan.tokens_per_step, self.seconds_before + time.perf_counter() - self._began
        written = {"step": step, "tokens": tokens, **told, "seconds": round(seconds, 4)}
        self.rows.append(written)
        self._file.append(written)

    def mean(self, first: float, last: float) -> float | None:
        """Mean loss of the steps after `first` and up to `last`, fractions of the run; None if none is finite there."""
        low, high = first * self.plan.steps, last * self.plan.steps
        found = [row["loss"] for row in (*self.before, *self.rows) if low < row["step"] <= high]
        finite = [loss for loss in found if loss is not None]
        return math.fsum(finite) / len(finite) if finite else None

    def check(self) -> None:
        """Raise `UserError` where no loss could be read."""
        if self.rows or self.before:
            return
        names = " and ".join(f"'{name}'" for name in self._reading.names.values())
        what = {"jsonl": "no JSON object with", "csv": "no CSV with a header that names", "regex": "no match with"}
        if self.source is not None and not self.source.exists():
            raise UserError(f"metrics.file in trainer.toml: the program ended, but {self.source} is not there")
        where = f"{self.source} has" if self.source else "the program printed"
        last = f"; its last line is: {self._seen[:200]}" if self._seen else ""
        raise UserError(f"metrics in trainer.toml: {where} {what[self._reading.format]} {names}{last}")

    def check_end(self, program: str) -> None:
        """Raise `UserError`, which begins with a name for the program, where it stopped before its last step."""
        if fell_short := self._reached.shortfall():
            raise UserError(
                f"{program} {fell_short} with exit code 0, as {self.source or 'its output'} says; find in its output "
                f"why it ended early, or, if it trained on, have it report how far"
            )


def _rows(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    with contextlib.suppress(FileNotFoundError, ValueError):  # a kill may have cut the last line short
        rows.extend(json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return rows


def _length(path: Path, lines: int) -> int:
    """Bytes of a file's first lines."""
    return sum(map(len, path.read_bytes().splitlines(keepends=True)[:lines])) if lines else 0
