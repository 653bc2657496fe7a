"""Progress on screen: bars with time left on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from assay.interfaces.report.wording import size

if TYPE_CHECKING:
    from assay.campaign.calibrate import Tick

CorpusProgress = Callable[[int, int | None, str], None]


@contextmanager
def corpus_progress(quiet: bool) -> Generator[CorpusProgress | None]:
    """A callback (done bytes, total bytes or None, message) that shows a corpus being built."""
    if quiet:
        yield None
        return
    if not sys.stderr.isatty():
        last: list[tuple[float, str]] = [(0.0, "")]

        def plain(done: int, total: int | None, message: str) -> None:
            now = time.monotonic()
            if now - last[0][0] > 5 or message != last[0][1]:
                last[0] = (now, message)
                print(f"{message}: {size(done)}{f' of {size(total)}' if total else ''}", file=sys.stderr)

        yield plain
        return
    from rich import progress as rich
    from rich.console import Console

    columns = (
        rich.SpinnerColumn(), rich.TextColumn("{task.description}"), rich.BarColumn(),
        rich.DownloadColumn(), rich.TimeRemainingColumn(),
    )  # fmt: skip
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("corpus", total=None)

        def live(done: int, total: int | None, message: str) -> None:
            bars.update(task, completed=done, total=total, description=message)

        yield live


@contextmanager
def pair_progress(pairs: int, quiet: bool) -> Generator[Callable[[int, object], None]]:
    """A callback (complete pairs, executor) that shows a comparison under way."""
    if quiet:
        yield lambda _done, _executor: None
        return
    from rich import progress as rich
    from rich.console import Console

    columns = (
        rich.TextColumn("at most {task.total} pairs"), rich.BarColumn(), rich.MofNCompleteColumn(),
        rich.TimeRemainingColumn(),
    )  # fmt: skip
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("pairs", total=pairs)
        yield lambda done, _executor: bars.update(task, completed=done)


@contextmanager
def share_progress(quiet: bool) -> Generator[Callable[[Any], None]]:
    """A callback that shows work of which only the share done is known: it takes something with `share` and `doing`."""
    if quiet:
        yield lambda _progress: None
        return
    from rich import progress as rich
    from rich.console import Console

    columns = (rich.TextColumn("{task.description}"), rich.BarColumn(), rich.TimeRemainingColumn())
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("starting", total=1.0)
        yield lambda progress: bars.update(task, completed=progress.share, description=progress.doing)


@contextmanager
def target_progress(targets: int, quiet: bool) -> Generator[Callable[[str], None]]:
    """A callback (name of the target just fitted) that shows a mixture model being fitted."""
    if quiet:
        yield lambda _name: None
        return
    from rich import progress as rich
    from rich.console import Console

    columns = (
        rich.SpinnerColumn(), rich.TextColumn("fitting"), rich.BarColumn(), rich.MofNCompleteColumn(),
        rich.TimeRemainingColumn(), rich.TextColumn("{task.description}"),
    )  # fmt: skip
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=targets)
        yield lambda name: bars.update(task, advance=1, description=f"{name} done")


@contextmanager
def calibration_progress(quiet: bool) -> Generator[Callable[["Tick", object], None]]:
    """A callback that shows a calibration under way: rounds, runs, time left by compute."""
    if quiet:
        yield lambda _tick, _executor: None
        return
    from rich import progress as rich
    from rich.console import Console

    columns = (
        rich.TextColumn("round {task.fields[round]}, {task.fields[runs]} runs trained"), rich.BarColumn(),
        rich.TaskProgressColumn(), rich.TimeRemainingColumn(),
    )  # fmt: skip
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("calibration", total=None, round=1, runs=0)
        yield lambda tick, _executor: bars.update(
            task, completed=tick.flops, total=tick.expected, round=tick.round, runs=tick.runs
        )
