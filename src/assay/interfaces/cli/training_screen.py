"""One training on screen: losses of each domain as curves, speed, share of the peak, time left."""

import statistics
import sys
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, TextIO

from assay.interfaces.cli.screen import sparkline
from assay.interfaces.cli.shared import duration
from assay.spec.protocols import Progress

MOST_DOMAINS = 8
BINS = 200  # of a run's steps; a curve shows their means
ALL = "all"
Rows = Sequence[dict[str, Any]]


class Curves:
    """Losses over a run, by domain, as means over equal parts of its steps."""

    def __init__(self) -> None:
        self._bins: dict[str, list[tuple[float, int]]] = {}

    def add(self, step: int, steps: int, losses: dict[str, float | None]) -> None:
        place = min(BINS - 1, BINS * (step - 1) // max(1, steps))
        for name, loss in losses.items():
            bins = self._bins.setdefault(name, [(0.0, 0)] * BINS)
            if loss is not None:
                total, count = bins[place]
                bins[place] = total + loss, count + 1

    def names(self) -> list[str]:
        """The whole first, then domains by name."""
        return sorted(self._bins, key=lambda name: (name != ALL, name))

    def last(self, name: str) -> float | None:
        """Mean of the newest part that has losses."""
        return next((total / count for total, count in reversed(self._bins[name]) if count), None)

    def line(self, name: str, width: int) -> str:
        """The curve so far, at most `width` characters for the whole run."""
        parts = [self._bins[name][i * BINS // width : (i + 1) * BINS // width] for i in range(width)]
        sums = [(sum(total for total, _ in part), sum(count for _, count in part)) for part in parts]
        return sparkline([total / count for total, count in sums if count])


class TrainingLog:
    """What is known of a run under way."""

    def __init__(self) -> None:
        self.curves = Curves()
        self.row: dict[str, Any] = {}
        self.step, self.steps, self.run = 0, 0, ""
        self._paces: deque[float] = deque(maxlen=50)

    def take(self, progress: Progress, rows: Rows) -> None:
        """Take in how far a run is and the lines of metrics that are new."""
        self.run, self.steps = progress.run_hash, progress.steps
        for row in rows:
            before, self.row, self.step = self.row, row, int(row.get("step", self.step))
            self.curves.add(self.step, self.steps, {ALL: row.get("loss"), **row.get("losses", {})})
            if "seconds" in before and "seconds" in row and self.step > before["step"]:
                self._paces.append((row["seconds"] - before["seconds"]) / (self.step - before["step"]))

    def seconds_left(self) -> float | None:
        """At the pace of the last steps."""
        return statistics.fmean(self._paces) * (self.steps - self.step) if self._paces else None

    def facts(self) -> list[str]:
        """Speed and state in words, the most telling first."""
        row = self.row
        speed, used = row.get("tokens_per_second"), row.get("mfu")
        rate, memory = row.get("lr"), row.get("memory_mb")
        return [
            *([f"{speed / 1e3:.1f}k tokens/s"] if speed else []),
            *([f"MFU {100 * used:.0f}%"] if used else []),
            *([f"lr {rate:.2g}"] if rate is not None else []),
            *([f"{memory:.0f} MB"] if memory else []),
        ]

    def left(self) -> str:
        seconds = self.seconds_left()
        if not self.step:
            return "starting"
        if self.step >= self.steps:
            return "scoring"
        return "" if seconds is None else f"{duration(seconds)} left"


class LiveTraining:
    """A few lines that are redrawn in place, never wider than the terminal."""

    def __init__(self, console: Any = None) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = console or Console(stderr=True)
        self._live = Live(console=self._console, refresh_per_second=4, transient=True)
        self._log = TrainingLog()
        self._drawn = 0.0

    def __enter__(self) -> "LiveTraining":
        self._live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._live.update(self.draw())  # what came too soon after the last picture
        self._live.__exit__(*error)

    def tick(self, progress: Progress, rows: Rows) -> None:
        self._log.take(progress, rows)
        now = time.monotonic()
        if now - self._drawn >= 0.25:
            self._drawn = now
            self._live.update(self.draw())

    def draw(self) -> Any:
        """The picture as it is now."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Column, Table
        from rich.text import Text

        log, width = self._log, self._console.width
        done = f"{log.step}/{log.steps}"
        head = Table.grid(*(Column(no_wrap=True, overflow="ellipsis") for _ in range(4)), padding=(0, 1))
        bar = ProgressBar(
            total=max(1, log.steps), completed=log.step, width=max(8, width - 16 - len(done) - len(log.left()))
        )
        head.add_row(log.run[:8], bar, done, log.left())
        curves = Table.grid(
            Column(no_wrap=True, overflow="ellipsis", max_width=16), Column(no_wrap=True, overflow="crop"),
            Column(no_wrap=True, justify="right"), padding=(0, 1),
        )  # fmt: skip
        names = log.curves.names()
        for name in names[: MOST_DOMAINS + 1]:
            last = log.curves.last(name)
            curves.add_row(name, log.curves.line(name, max(8, width - 30)), "" if last is None else f"{last:.3f}")
        more = len(names) - MOST_DOMAINS - 1
        lines = [" · ".join(log.facts()), *([f"and {more} more domains"] if more > 0 else [])]
        return Group(head, curves, *(Text(line, no_wrap=True, overflow="ellipsis") for line in lines))


class PlainTraining:
    """Lines for logs and pipes.

    Args:
        seconds: between two of them.
        out: where they go; None: standard error.
    """

    def __init__(self, seconds: float = 15.0, out: TextIO | None = None) -> None:
        self._seconds, self._out = seconds, out
        self._said = time.monotonic()
        self._log = TrainingLog()

    def __enter__(self) -> "PlainTraining":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def tick(self, progress: Progress, rows: Rows) -> None:
        log = self._log
        log.take(progress, rows)
        now = time.monotonic()
        if rows and now - self._said >= self._seconds:
            self._said = now
            losses = [
                f"{name} {last:.3f}" for name in log.curves.names() if (last := log.curves.last(name)) is not None
            ]
            parts = [f"step {log.step} of {log.steps}", f"loss {', '.join(losses)}", *log.facts(), log.left()]
            print(" · ".join(part for part in parts if part), file=self._out or sys.stderr, flush=True)


class QuietTraining(PlainTraining):
    """Nothing, when only facts were asked for."""

    def tick(self, progress: Progress, rows: Rows) -> None:
        pass


def training_screen(quiet: bool) -> LiveTraining | PlainTraining:
    """What suits standard error: lines redrawn in place on a terminal, plain ones elsewhere, none with `quiet`."""
    if quiet:
        return QuietTraining()
    return LiveTraining() if sys.stderr.isatty() else PlainTraining()
