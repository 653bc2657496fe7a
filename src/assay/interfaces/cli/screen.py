"""A running campaign on screen."""

import sys
import time
from collections import deque
from typing import Any

from assay.campaign.watch import Selecting, Snapshot, Watcher
from assay.interfaces.cli.shared import count, duration
from assay.spec.recipe import in_words


class PlainScreen:
    """Lines for logs and pipes: every event, and once a minute where the session stands."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def tick(self, snapshot: Snapshot) -> None:
        now = time.monotonic()
        if now - self._last >= 60:
            self._last = now
            self.say(summary(snapshot))
            if snapshot.selecting:
                self.say(f"{snapshot.doing}: {far(snapshot.selecting)}")

    def say(self, line: str) -> None:
        print(line, flush=True)

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class LiveScreen:
    """A panel that is redrawn in place: budget, experiments under test, live losses; events scroll above it."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console()
        self._live = Live(console=self._console, refresh_per_second=4, transient=True)
        self._drawn = 0.0
        self._losses: dict[str, deque[float]] = {}

    def __enter__(self) -> Watcher:
        self._live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._live.__exit__(*error)

    def say(self, line: str) -> None:
        self._live.console.print(line, highlight=True, markup=False)

    def tick(self, snapshot: Snapshot) -> None:
        now = time.monotonic()
        if now - self._drawn < 0.25:
            return
        self._drawn = now
        self._live.update(self.draw(snapshot))

    def draw(self, snapshot: Snapshot) -> Any:
        from rich.console import Group
        from rich.panel import Panel
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        campaign = snapshot.campaign
        tests = _grid(4, 9, 6)
        for test in campaign.decider.active:
            if test.placebo:
                continue
            proposal = campaign.registered[test.number].proposal
            done = "trials" if test.stage == "tune" else f"{len(test.seeds.get(test.stage, []))}/{test.wanted}"
            tests.add_row(f"#{test.number}", test.stage, done, in_words(proposal.change), proposal.author)
        runs = _grid()
        for progress in snapshot.progress:
            history = self._losses.setdefault(progress.run_hash, deque(maxlen=16))
            if progress.loss is not None:
                history.append(progress.loss)
            speed = f"{progress.tokens_per_second / 1e3:.1f}k tokens/s" if progress.tokens_per_second else ""
            loss = f"loss {progress.loss:.3f}" if progress.loss is not None else "starting"
            bar = ProgressBar(total=max(1, progress.steps), completed=progress.step, width=12)
            runs.add_row(
                progress.run_hash[:8], bar, f"{progress.step}/{progress.steps}", loss, sparkline(history), speed
            )
        budget = ProgressBar(total=1.0, completed=min(1.0, snapshot.share or 0.0), width=40)
        head = _grid()
        head.add_row("budget", budget)
        if step := snapshot.selecting:
            head.add_row("text", ProgressBar(total=step.total, completed=step.done, width=40), far(step))
        inside = Group(head, Text(summary(snapshot), overflow="ellipsis", no_wrap=True), tests, runs)
        panel = Panel(inside, title=f"assay · {campaign.config.name}", subtitle=snapshot.doing)
        # The empty line below takes a terminal's "^C", which would else push the panel's border out of reach.
        return Group(panel, Text(""))


def _grid(*least: int) -> Any:
    """A table that never wraps: what does not fit is cut, but the first columns keep so many characters."""
    from rich.table import Column, Table

    widths = [*least, *[None] * (6 - len(least))]
    return Table.grid(*(Column(no_wrap=True, overflow="ellipsis", min_width=w) for w in widths), padding=(0, 1))


def sparkline(values: Any) -> str:
    """A curve in one line of text."""
    points = list(values)
    if len(points) < 2:
        return ""
    low, high = min(points), max(points)
    return "".join("▁▂▃▄▅▆▇█"[int(7 * (v - low) / (high - low)) if high > low else 0] for v in points)


def summary(snapshot: Snapshot) -> str:
    """Where the session stands, in a line."""
    campaign = snapshot.campaign
    share = f"{100 * min(1.0, snapshot.share):.0f}% of the budget, " if snapshot.share is not None else ""
    left = f"about {duration(snapshot.seconds_left)} left, " if snapshot.seconds_left is not None else ""
    return (
        f"{share}{left}{count(len(campaign.runs_in_session), 'run')}, {count(len(campaign.verdicts), 'verdict')}, "
        f"generation {campaign.decider.generation}"
    )


def far(step: Selecting) -> str:
    """How far the selection of training text has come."""
    left = "" if step.seconds_left is None else f", about {duration(step.seconds_left)} left"
    return f"{step.step}, {100 * step.done / step.total:.0f}%{left}"


def screen(quiet: bool = False) -> PlainScreen | LiveScreen:
    """What suits the output: a live panel on a terminal, plain lines elsewhere (to stderr with `quiet`)."""
    if quiet:
        return QuietScreen()
    return LiveScreen() if sys.stdout.isatty() else PlainScreen()


class QuietScreen(PlainScreen):
    """Plain lines on stderr, when stdout belongs to facts."""

    def say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)
