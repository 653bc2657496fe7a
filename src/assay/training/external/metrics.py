"""Reading a program's losses as it trains: JSON lines, CSV, or a regular expression on what it prints."""

import csv
import json
import math
import re
from collections.abc import Callable
from pathlib import Path

from assay.spec.external import MetricsReading

Row = dict[str, float]
#: A line of a program's log, to the metrics that stand in it by assay's names; None if there are none.
Reader = Callable[[str], Row | None]


def reader(reading: MetricsReading) -> Reader:
    """What reads one line of the given format after the other. Lines that say something else are passed over."""
    if reading.format == "regex":
        return _RegexLines(reading)
    return (_JsonLines if reading.format == "jsonl" else _CsvLines)(reading)


def _row(reading: MetricsReading, told: dict[str, object]) -> Row | None:
    """Numbers by assay's names; None where step or loss is missing. A loss of null counts as not a number."""
    found: Row = {}
    for name, theirs in reading.names.items():
        value = told.get(theirs)
        if value is None and name == "loss" and theirs in told:
            value = math.nan
        try:
            found[name] = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            continue
    if "loss" not in found or not math.isfinite(found.get("step", math.nan)):
        return None
    found["step"] = int(found["step"]) + 1 - reading.first_step
    return found


class _JsonLines:
    def __init__(self, reading: MetricsReading) -> None:
        self._reading = reading

    def __call__(self, line: str) -> Row | None:
        try:
            told = json.loads(line)
        except ValueError:
            return None
        return _row(self._reading, told) if isinstance(told, dict) else None


class _CsvLines:
    """The header is the first line that has all the names."""

    def __init__(self, reading: MetricsReading) -> None:
        self._reading = reading
        self._header: list[str] = []

    def __call__(self, line: str) -> Row | None:
        cells = [cell.strip() for cell in next(csv.reader([line]), [])]
        if set(self._reading.names.values()) <= set(cells):
            self._header = cells
            return None
        return _row(self._reading, dict(zip(self._header, cells, strict=False)))


class _RegexLines:
    def __init__(self, reading: MetricsReading) -> None:
        self._reading = reading
        self._pattern = re.compile(reading.pattern)

    def __call__(self, line: str) -> Row | None:
        found = self._pattern.search(line)
        return _row(self._reading, dict(found.groupdict())) if found else None


class Lines:
    """Splits what arrives in pieces into whole lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that are complete now. Carriage returns end lines too, as progress bars have them."""
        *lines, self._rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        return [line.decode(errors="replace") for line in lines]

    def end(self) -> list[str]:
        """The last line, if nothing ended it."""
        return self.feed(b"\n") if self._rest else []


class Tail:
    """A file that another program writes; what was there before is passed over but for its first line, a header.

    Args:
        path: the file; it need not exist yet.
        read: where its lines go.
    """

    def __init__(self, path: Path, read: Callable[[str], None], header: Callable[[str], object]) -> None:
        self.path = path
        self._read = read
        self._lines = Lines()
        self._place = 0
        if path.exists():
            with path.open("rb") as file:
                header(file.readline().decode(errors="replace").strip())
                self._place = file.seek(0, 2)

    def poll(self) -> bool:
        """Read what has been added; whether there was anything."""
        try:
            with self.path.open("rb") as file:
                if file.seek(0, 2) < self._place:  # the program began the file anew
                    self._place, self._lines = 0, Lines()
                file.seek(self._place)
                data = file.read()
        except FileNotFoundError:
            return False
        self._place += len(data)
        for line in self._lines.feed(data):
            self._read(line)
        return bool(data)

    def end(self) -> None:
        """Read the rest."""
        self.poll()
        for line in self._lines.end():
            self._read(line)
