"""What benchmarks share: options, the machine in words, peer and assay in turn, medians, tables."""

import argparse
import importlib
import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peers.nanogpt import Nanogpt

REPEATS = 5
ROOT = Path(__file__).resolve().parent.parent


def sections_of(package: str) -> tuple[str, ...]:
    """Names of a benchmark's sections: the modules of its folder."""
    return tuple(sorted(module.name for module in iter_modules([str(Path(__file__).parent / package)])))


def options_of(doc: str | None, sections: Sequence[str]) -> argparse.ArgumentParser:
    """A command line with what every benchmark of several sections takes."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(sections)}")
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("ASSAY_SHARED", ROOT.parent / "shared")))
    parser.add_argument("--work", type=Path, help="folder for what takes long to make; a temporary one if left out")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="measurements of each side (at least 5)")
    parser.add_argument("--quick", action="store_true", help="show that everything runs")
    parser.add_argument("--json", action="store_true", help="print the numbers instead of tables")
    return parser


def parsed(parser: argparse.ArgumentParser, sections: Sequence[str]) -> argparse.Namespace:
    """The command line, with known sections and enough repeats."""
    given = parser.parse_args()
    for name in given.sections:
        if name not in sections:
            parser.error(f"no section is called '{name}'; there are: {', '.join(sections)}")
    if given.repeats < REPEATS:
        parser.error(f"--repeats {given.repeats}: at least {REPEATS} are needed for a median")
    return given


class Missing(Exception):
    """Something that a section needs is not on this machine; the message says what, and how to get it."""


@dataclass(frozen=True)
class Options:
    """What the command line asked for.

    Attributes:
        peer: folder of a nanoGPT checkout.
        shared: folder with `corpora/`.
        work: where what takes long to make is kept, to go on from there.
        repeats: measurements of each side; medians are reported.
        quick: measure as little as shows that everything runs; the numbers mean nothing.
        sizes: names of the only sizes of `quality`, or widths of `speed`, wanted; empty: all.
        arms: names of its only sides wanted; empty: both.
        as_is: compare the runs of `quality` that there are, and train none.
    """

    peer: Path
    shared: Path
    work: Path
    repeats: int = REPEATS
    quick: bool = False
    sizes: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()
    as_is: bool = False

    def nanogpt(self) -> "Nanogpt":
        """The peer. Raises `Missing` where there is none."""
        from peers.nanogpt import Nanogpt

        return Nanogpt(self.peer)


@cache
def commit() -> str:
    """The commit of this checkout, with a mark where tracked files differ from it."""
    asked = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude", "*"], capture_output=True, text=True
    )
    return asked.stdout.strip() or "unknown"


def machine() -> dict[str, Any]:
    """Where and with what a benchmark ran. The load says whether others used the cores."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        processor = names[0].partition(":")[2].strip() if names else processor
    return {
        "processor": processor,
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "torch": version("torch"),
        "assay": commit(),
        "load": round(os.getloadavg()[0], 1),
        "date": datetime.now(UTC).date().isoformat(),
    }


def in_words(found: dict[str, Any]) -> str:
    """A machine as a line above a table."""
    return (
        f"{found['date']}, {found['processor']}, {found['cores']} cores (load {found['load']}), {found['system']}, "
        f"Python {found['python']}, torch {found['torch']}, assay {found['assay']}"
    )


def cpu_seconds(work: Callable[[], object]) -> float:
    """Processor seconds of this process; unlike wall time they leave out what other programs take."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def in_turn(sides: dict[str, Callable[[], float]], repeats: int = REPEATS) -> dict[str, list[float]]:
    """Measure every side `repeats` times, one after the other, each round beginning with another of them.

    A machine's clock and its other users drift; in turn, all sides see the same of it. Call each side once before, so
    that nothing is measured cold.
    """
    names = list(sides)
    found: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(repeats):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            found[name].append(sides[name]())
    return found


def medians(found: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(values) for name, values in found.items()}


def t_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float] | None:
    """Student's interval of a mean; None where there are fewer than two values."""
    if len(values) < 2:
        return None
    from scipy import stats

    half = stats.t.ppf((1 + level) / 2, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    mean = statistics.fmean(values)
    return mean - float(half), mean + float(half)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def run_sections(package: str, names: Sequence[str], asked: Sequence[str], options: Options, as_json: bool) -> int:
    """Measure sections of a benchmark and print them; the exit code, 2 where one that was asked for cannot be measured.

    Args:
        package: folder of the sections, modules with `measure(options)` and a heading as the docstring's first line.
        asked: those that the command line names.
        as_json: print the numbers instead of tables.
    """
    options.work.mkdir(parents=True, exist_ok=True)
    found: dict[str, object] = {"machine": machine()}
    code = 0
    for name in names:
        section = importlib.import_module(f"{package}.{name}")
        try:
            numbers, text = section.measure(options)
        except Missing as error:
            numbers, text = {"missing": str(error)}, f"Not measured: {error}."
            code = 2 if name in asked else code
        found[name] = numbers
        if not as_json:
            print(f"\n## {section.__doc__.partition(chr(10))[0]}\n\n{in_words(machine())}\n\n{text}", flush=True)
    if as_json:
        print(json.dumps(found, indent=1))
    return code
