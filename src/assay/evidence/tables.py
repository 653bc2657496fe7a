"""Plain tables as people keep them: CSV or TSV with named columns, checked before anything is computed from them.

What all tables must satisfy is checked here (a header, known columns, finite numbers, as many as are needed); what a
method needs beyond that, it checks itself. Every problem is one sentence that names file, row and column.
"""

import csv
import gzip
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.spec.errors import UserError

Floats = NDArray[np.float64]

#: Rows beyond which a table is surely another file.
MOST_ROWS = 5_000_000


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
            raise UserError(
                f"{self.path}: there is no column '{name}'; the columns are: {', '.join(self.columns) or 'none'}"
            )
        return self.columns[name]

    def numbers(self, name: str, positive: bool = False) -> Floats:
        """A column as finite numbers, shape (rows,).

        Raises:
            UserError: no such column, or an entry that is empty, no number, NaN, infinite or (with `positive`) not
                above zero.
        """
        found = np.empty(len(self))
        for place, (line, entry) in enumerate(zip(self.rows, self.text(name), strict=True)):
            try:
                value = float(entry)
            except ValueError:
                what = f"'{entry}' is no number" if entry.strip() else "the entry is empty"
                raise UserError(f"{self.path}, line {line}: {what}, in column '{name}'") from None
            if not math.isfinite(value):
                raise UserError(
                    f"{self.path}, line {line}: {entry.strip()} in column '{name}'; drop the row, or say what happened"
                )
            if positive and value <= 0:
                raise UserError(f"{self.path}, line {line}: {entry.strip()} in column '{name}' should be above zero")
            found[place] = value
        return found


def read_table(path: Path, required: Sequence[str] = (), least: int = 1) -> Table:
    """Read a table with a header. Tabs separate where the header holds one, commas elsewhere; `.gz` is unpacked.

    Args:
        path: the file, UTF-8.
        required: columns that must be there.
        least: fewest rows that make sense.

    Raises:
        UserError: what is wrong, in one sentence.
    """
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        text = raw.decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder; a table was expected") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except (gzip.BadGzipFile, EOFError):
        raise UserError(f"{path}: not a complete gzip file") from None
    lines = text.splitlines()
    if not lines or not lines[0].strip():
        raise UserError(f"{path}: empty; a header with column names was expected")
    try:
        reader = csv.reader(lines, delimiter="\t" if "\t" in lines[0] else ",", strict=True)
        header = [name.strip() for name in next(reader)]
        return _table(path, header, reader, required, least)
    except csv.Error as error:
        raise UserError(f"{path}: not a table ({error})") from None


def _table(path: Path, header: list[str], reader: Any, required: Sequence[str], least: int) -> Table:
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        raise UserError(f"{path}: two columns are called '{doubled[0]}'")
    missing = [name for name in required if name not in header]
    if missing:
        raise UserError(
            f"{path}: there is no column '{missing[0]}'; the columns are: {', '.join(header)}. "
            f"Needed: {', '.join(required)}"
        )
    rows: list[list[str]] = []
    lines: list[int] = []
    for row in reader:
        if not any(entry.strip() for entry in row):
            continue
        if len(row) != len(header):
            raise UserError(
                f"{path}, line {reader.line_num}: {len(row)} entries, but the header names {len(header)} columns"
            )
        rows.append(row)
        lines.append(reader.line_num)
        if len(rows) > MOST_ROWS:
            raise UserError(f"{path}: more than {MOST_ROWS:,} rows")
    if len(rows) < least:
        found = "no rows" if not rows else "one row" if len(rows) == 1 else f"{len(rows)} rows"
        raise UserError(f"{path}: {found}; at least {least} are needed")
    columns = {name: tuple(row[place] for row in rows) for place, name in enumerate(header)}
    return Table(path, columns, tuple(lines))
