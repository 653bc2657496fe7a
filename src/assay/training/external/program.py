"""Any program as trainer, by its `trainer.toml`: start it, read its losses, pause it, and say what became of the run.

Time and memory are measured here. Steps, and with them tokens and FLOPs, are what the program was told to do; losses
are what it says.
"""

import contextlib
import json
import math
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from assay.spec.errors import UserError
from assay.spec.run import RunOrder, TrainingResult
from assay.training.external.facts import Filled
from assay.training.external.metrics import Lines, Row, Tail, reader
from assay.training.external.process import start
from assay.training.files import replace_file
from assay.training.metrics import MetricsFile
from assay.training.pause import Pause
from assay.training.restore import load_model

POLL_SECONDS = 0.1
_PIECE = 1 << 16


def train_by_program(order: RunOrder, folder: Path, pause: Pause) -> TrainingResult:
    """Prepare, train until the end, a pause or divergence, and check that weights are there.

    A run that was paused, or whose program crashed, goes on from `pause.checkpoint` where there is one, else it begins
    anew.

    Raises:
        UserError: the program cannot be started, fails, reports no losses, or leaves nothing to score.
    """
    assert order.external is not None
    filled = Filled(order, folder)
    trainer = filled.trainer
    resumed = trainer.pause is not None and Path(filled.text(trainer.pause.checkpoint)).is_file()
    filled = Filled(order, folder, resumed)
    log = Log(order, folder, filled, resumed)
    began = time.perf_counter()
    if not resumed:
        for path in (filled.checkpoint_dir, filled.scratch_dir):
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
        if trainer.prepare:
            _prepare(filled, trainer.name)
    config = filled.config()
    if config is not None:
        config[0].parent.mkdir(parents=True, exist_ok=True)
        replace_file(config[0], config[1].encode())
    words = filled.command()
    print("$ " + " ".join(words), flush=True)
    with log:
        code, stopped = _follow(words, filled, log, pause, order.stop_at_step)
    seconds = log.seconds_before + time.perf_counter() - began
    result = _result(order, log, seconds, stopped)
    if result.status == "paused":
        return result
    if result.status != "diverged":
        name = f"trainer '{trainer.name}'"
        if code != 0:
            raise UserError(f"{name}: {words[0]} ended with {_described(code)}; its output above says why")
        log.check()
        _check_weights(order, folder, filled)
    shutil.rmtree(filled.scratch_dir, ignore_errors=True)
    return result


def _prepare(filled: Filled, name: str) -> None:
    words = filled.words(filled.trainer.prepare)
    code = start(words, filled.place, f"trainer '{name}': prepare").wait()
    if code != 0:
        raise UserError(f"trainer '{name}': prepare ended with {_described(code)}; its output above says why")


def _follow(words: list[str], filled: Filled, log: "Log", pause: Pause, stop: int | None) -> tuple[int, bool]:
    """Run the program to its end; its exit code, and whether it was asked to stop."""
    trainer = filled.trainer
    process = start(words, filled.place, f"trainer '{trainer.name}'", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    told, output = False, process.stdout.fileno()
    try:
        while True:
            ready, _, _ = select.select([output], [], [], POLL_SECONDS)
            data = os.read(output, _PIECE) if ready else b""
            if data:
                sys.stdout.buffer.write(data)
                sys.stdout.flush()
                log.printed(data)
            log.poll()
            half = trainer.pause is not None and stop is not None and log.step >= stop
            if (pause.requested or half) and not told:
                told = True
                # Without a way to pause nothing is lost by a kill, since the run begins anew in any case.
                process.send_signal(getattr(signal, trainer.pause.signal) if trainer.pause else signal.SIGKILL)
            if (ready and not data) or (not ready and process.poll() is not None):
                return process.wait(), told
    finally:
        process.stdout.close()


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

    def poll(self) -> None:
        """Read what the program wrote to its file."""
        if self._tail is not None:
            self._tail.poll()

    def _take(self, line: str) -> None:
        self._seen = line if line.strip() else self._seen
        row = self._read(line)
        if row is not None and 0 < row["step"] <= self.plan.steps:  # some train a step beyond what they save
            self._add(row)

    def _add(self, row: Row) -> None:
        step = int(row["step"])
        if self._file is None:  # rows of steps that are done again, from a checkpoint before them, go
            self.before = [earlier for earlier in self.before if earlier["step"] < step]
            self._file = MetricsFile(self._path, _length(self._path, len(self.before)))
        self.step, self.last_loss = step, row["loss"]
        told = {name: value if math.isfinite(value) else None for name, value in row.items() if name != "step"}
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


def _rows(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    with contextlib.suppress(FileNotFoundError, ValueError):  # a kill may have cut the last line short
        rows.extend(json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return rows


def _length(path: Path, lines: int) -> int:
    """Bytes of a file's first lines."""
    return sum(map(len, path.read_bytes().splitlines(keepends=True)[:lines])) if lines else 0


def _result(order: RunOrder, log: Log, seconds: float, stopped: bool) -> TrainingResult:
    plan = log.plan
    diverged = bool(log.rows) and not math.isfinite(log.last_loss)
    # A program that was asked to stop when it had nothing left to do has finished.
    status = "diverged" if diverged else "paused" if stopped and log.step < plan.steps else "finished"
    steps = plan.steps if status == "finished" else log.step
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (1 << 10 if sys.platform == "linux" else 1 << 20)
    return TrainingResult.parse(
        {
            "status": status,
            "steps": steps,
            "tokens": steps * plan.tokens_per_step,
            "flops": steps * plan.flops_per_step,
            "loss": log.mean(0.9, 2.0),
            "half_loss": log.mean(0.4, 0.5) if log.step >= plan.steps // 2 else None,
            "seconds": seconds,
            "step_ms": 1e3 * seconds / steps if steps else 0.0,
            "peak_memory_mb": memory,
            "environment": {"trainer": order.run.trainer},
        },
        "result.json",
    )


def _check_weights(order: RunOrder, folder: Path, filled: Filled) -> None:
    if not any(path.is_file() for path in filled.checkpoint_dir.rglob("*")):
        raise UserError(
            f"trainer '{filled.trainer.name}' ended well, but left nothing in {filled.checkpoint_dir}; hand "
            f"{{checkpoint_dir}} to it in trainer.toml as the place for its weights"
        )
    if not order.self_scored:
        try:
            load_model(folder)
        except UserError as error:
            raise UserError(
                f"trainer '{filled.trainer.name}' has no [evaluation] in trainer.toml, so it should leave the built-in "
                f"model's weights, but {error}"
            ) from None


def _described(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {-code} ({signal.Signals(-code).name})"
