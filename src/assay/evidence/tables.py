"""Plain tables as people keep them: CSV or TSV with named columns, checked before anything is computed from them.

What all tables must satisfy is checked here (a header, known columns, finite numbers, as many as are needed); what a
method needs beyond that, it checks itself. Every problem is one sentence that names file, row and column.
"""

import csv
import difflib
import gzip
import io
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from assay.spec.errors import UserError

Floats = NDArray[np.float64]

#: Rows beyond which a table is surely another file.
MOST_ROWS = 5_000_000

_GZIP = b"\x1f\x8b"
_MOST_LISTED = 20


class _Reader(Protocol):
    """What `csv.reader` gives."""

    @property
    def line_num(self) -> int: ...
    def __iter__(self) -> Iterator[list[str]]: ...
    def __next__(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Table:
    """Named columns of text, all of one length."""

    path: Path
    columns: Mapping[str, tuple[str, ...]]
    rows: tuple[int, ...]
    """Line of the file that each row stood on, for messages."""

    def __len__(self) -> int:
        return len(self.rows)

    def text(self, name: str) -> tuple[str, ...]:
        """A column as text. Raises `UserError` if there is none of that name."""
        if name not in self.columns:
            raise no_column(self.path, name, list(self.columns))
        return self.columns[name]

    def numbers(self, name: str, positive: bool = False) -> Floats:
        """A column as finite numbers, shape (rows,).

        Raises:
            UserError: no such column, or an entry that is empty, no number, NaN, infinite or (with `positive`) not
                above zero.
        """
        found = np.empty(len(self))
        for place, (line, entry) in enumerate(zip(self.rows, self.text(name), strict=True)):
            value = _number(entry)
            if value is None:
                what = f"'{shorten(entry)}' is no number" if entry.strip() else "the entry is empty"
                hint = "; write a point for its comma" if _number(entry.replace(",", ".", 1)) is not None else ""
                raise UserError(f"{self.path}, line {line}: {what}, in column '{name}'{hint}")
            if not math.isfinite(value):
                raise UserError(
                    f"{self.path}, line {line}: {entry.strip()} in column '{name}'; drop the row, or say what happened"
                )
            if positive and value <= 0:
                raise UserError(f"{self.path}, line {line}: {entry.strip()} in column '{name}' should be above zero")
            found[place] = value
        return found

    def where(self, name: str, wanted: str, least: int = 1) -> "Table":
        """The rows whose entry in a column is `wanted`, spaces around it aside, or the same number.

        Raises:
            UserError: no such column, or fewer than `least` such rows.
        """
        number = _number(wanted)
        entries = [entry.strip() for entry in self.text(name)]
        kept = [
            place
            for place, entry in enumerate(entries)
            if entry == wanted.strip() or (number is not None and _number(entry) == number)
        ]
        _check_length(f"{self.path} where {name} is '{shorten(wanted)}'", len(kept), least)
        return self.take(kept)

    def take(self, places: Sequence[int]) -> "Table":
        """The rows at these places, counted from 0, in this order."""
        columns = {name: tuple(entries[place] for place in places) for name, entries in self.columns.items()}
        return Table(self.path, columns, tuple(self.rows[place] for place in places))


def shorten(text: str, most: int = 60) -> str:
    """A text from a file for a message: on one line, printable, and not long."""
    line = "".join(letter if letter.isprintable() else "�" for letter in " ".join(text.split()))
    return line if len(line) <= most else line[: most - 1] + "…"


def decimals(entry: str) -> int:
    """How many decimals a number was written with."""
    text = entry.strip().lower()
    mantissa, _, exponent = text.partition("e")
    digits = len(mantissa.partition(".")[2])
    return max(0, digits - int(exponent)) if exponent else digits


def read_table(path: Path, required: Sequence[str] = (), least: int = 1) -> Table:
    """Read a table with a header: separated by tabs where the header holds one, by commas elsewhere; gzip is unpacked.

    Entries may be quoted, also over several lines. In a table with tabs a quotation mark that is never closed is an
    ordinary character, because many programs write such tables without quoting.

    Args:
        path: the file, UTF-8 with or without a mark at its start.
        required: columns that must be there.
        least: fewest rows that make sense.

    Raises:
        UserError: what is wrong, in one sentence.
    """
    text = _text(path)
    blank = len(text) - len(text.lstrip())
    if blank == len(text):
        raise UserError(f"{path}: empty; a header with column names was expected")
    first = text[text.rfind("\n", 0, blank) + 1 :].split("\n", 1)[0]
    tabs = "\t" in first
    if not tabs and "," not in first and ";" in first:
        raise UserError(f"{path}: separated by semicolons; save it with commas or tabs, and with points in its numbers")
    try:
        return _table(path, csv.reader(io.StringIO(text, newline=""), delimiter="\t" if tabs else ",", strict=True),
                      required, least)  # fmt: skip
    except csv.Error as error:
        if not tabs:
            raise UserError(f"{path}: not a table ({error})") from None
    try:
        return _table(path, csv.reader(io.StringIO(text, newline=""), delimiter="\t", quoting=csv.QUOTE_NONE),
                      required, least)  # fmt: skip
    except csv.Error as error:
        raise UserError(f"{path}: not a table ({error})") from None


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
        if path.suffix == ".gz" or raw.startswith(_GZIP):
            raw = gzip.decompress(raw)
        return raw.decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder; a table was expected") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text (byte {error.start}); save it as CSV in UTF-8") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise UserError(f"{path}: not a complete gzip file") from None


def _table(path: Path, reader: "_Reader", required: Sequence[str], least: int) -> Table:
    header: list[str] = []
    for row in reader:
        header = [name.strip() for name in row]
        if any(header):
            break
    if not any(header):
        raise UserError(f"{path}: empty; a header with column names was expected")
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        raise UserError(f"{path}: two columns " + (f"are called '{doubled[0]}'" if doubled[0] else "have no name"))
    missing = [name for name in required if name not in header]
    if missing and all(_number(name) is not None for name in header):
        raise UserError(
            f"{path}: the first line should name the columns ({', '.join(required)}), but holds only numbers"
        )
    if missing:
        raise no_column(path, missing[0], header, required)
    rows: list[list[str]] = []
    lines: list[int] = []
    for row in reader:
        if not any(entry.strip() for entry in row):
            continue
        if len(row) != len(header):
            entries = "one entry" if len(row) == 1 else f"{len(row)} entries"
            raise UserError(f"{path}, line {reader.line_num}: {entries}, but the header names {len(header)} columns")
        rows.append(row)
        lines.append(reader.line_num)
        if len(rows) > MOST_ROWS:
            raise UserError(f"{path}: more than {MOST_ROWS:,} rows")
    _check_length(path, len(rows), least)
    columns = {name: tuple(row[place] for row in rows) for place, name in enumerate(header)}
    return Table(path, columns, tuple(lines))


def no_column(path: Path, name: str, header: Sequence[str], needed: Sequence[str] = ()) -> UserError:
    """The error of a column that is not there: what there is, and which of it may have been meant."""
    close = difflib.get_close_matches(name.lower(), [each.lower() for each in header], 1, 0.75)
    meant = next((f" (did you mean '{each}'?)" for each in header if close and each.lower() == close[0]), "")
    listed = list(header) if len(header) <= _MOST_LISTED else [*header[:_MOST_LISTED], f"and {len(header) - 20} more"]
    tail = f". Needed: {', '.join(needed)}" if len(needed) > 1 else ""
    return UserError(
        f"{path}: there is no column '{name}'{meant}; the columns are: {', '.join(listed) or 'none'}{tail}"
    )


def _check_length(where: object, rows: int, least: int) -> None:
    if rows < least:
        found = "no rows" if not rows else "one row" if rows == 1 else f"{rows} rows"
        raise UserError(f"{where}: {found}; at least {least} are needed")


def _number(entry: str) -> float | None:
    """An entry as a number; None if it is none. Python's `1_000` is none."""
    try:
        return None if "_" in entry else float(entry)
    except ValueError:
        return None
