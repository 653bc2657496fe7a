"""Bare files as batches of JSON lines, whatever they hold: a line is a document until it turns out to be none."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from assay.corpus.bad import LARGEST_DOCUMENT, BadDocument, check_size
from assay.corpus.chunks import read_chunks
from assay.corpus.documents import Document
from assay.corpus.file_kinds import OtherFile
from assay.corpus.records import parquet_rows

BATCH_BYTES = 8 << 20
#: A document of `LARGEST_DOCUMENT` whose every character JSON escapes, `\\u00e9`, and some other fields.
LONGEST_LINE = 4 * LARGEST_DOCUMENT
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Lines:
    """Whole lines of a file, or records of one that has no lines.

    Attributes:
        path: the file, or the folder.
        name: what records without an id are named after.
        raw: the lines; the last one ends like the others.
        unit: what a line is in the file: `line`, `row` or `file`.
        number: of the first of them in the file, from 1.
        offset: of the first of them in the (uncompressed) file, in bytes.
        position: bytes of the file read so far.
    """

    path: Path
    name: str
    raw: bytes
    unit: str = "line"
    number: int = 1
    offset: int = 0
    position: int = 0

    @cached_property
    def _ends(self) -> np.ndarray:
        return np.flatnonzero(np.frombuffer(self.raw, np.uint8) == ord("\n")) + 1

    @property
    def line_ends(self) -> int:
        """How many lines there are, blank ones included."""
        return len(self._ends)

    @cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Start and end in `raw` (line end included) and number of each line that is not blank, int64."""
        view = np.frombuffer(self.raw, np.uint8)
        ends = self._ends
        starts = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
        numbers = self.number + np.arange(len(ends))
        blank = [i for i in np.flatnonzero(view[starts] != ord("{")) if not self.raw[starts[i] : ends[i]].strip()]
        if blank:
            return np.delete(starts, blank), np.delete(ends, blank), np.delete(numbers, blank)
        return starts, ends, numbers

    def __len__(self) -> int:
        return len(self.bounds[0])

    def where(self, number: int) -> str:
        """The place of a line, for a message."""
        return str(self.path) if self.unit == "file" else f"{self.path}, {self.unit} {number}"


#: What a file holds, or a folder: documents, what is wrong with some, and files without any.
Read = Lines | BadDocument | OtherFile


def read_lines(path: Path, name: str) -> Iterator[Read]:
    """A `.jsonl`, `.jsonl.gz` or `.jsonl.zst` file in batches of about `BATCH_BYTES`.

    `name` is what records without an id are named after. A line longer than `LONGEST_LINE` and a damaged rest of the
    file come as what is wrong with them.
    """
    held: list[bytes] = []  # the beginning of the next batch; no line ends in it
    waiting = 0
    number, offset, position = 1, 0, 0
    endless = False  # in a line that is too long to hold
    begun = False

    def batch(last: bytes) -> Lines:
        nonlocal held, waiting, number, offset
        raw = b"".join((*held, last))
        found = Lines(path, name, raw, "line", number, offset, position)
        held, waiting = [], 0
        number, offset = number + found.line_ends, offset + len(raw)
        return found

    complete = 0  # bytes of `held` up to the last line end
    try:
        for chunk, position in read_chunks(path):  # noqa: B007 - `batch` reads it
            piece = chunk
            if not begun:
                begun = True
                piece = chunk.removeprefix(BOM)
                offset = len(chunk) - len(piece)
            if endless:
                end = piece.find(b"\n") + 1
                offset += end or len(piece)
                if not end:
                    continue
                number, endless, piece = number + 1, False, piece[end:]
            cut = piece.rfind(b"\n") + 1
            if cut:
                complete = waiting + cut
            held.append(piece)
            waiting += len(piece)
            if complete and waiting >= BATCH_BYTES:
                whole = b"".join(held)
                held, rest = [], whole[complete:]
                yield batch(whole[:complete])
                held, waiting, complete = [rest], len(rest), 0
            elif waiting - complete > LONGEST_LINE:
                whole = b"".join(held)
                if complete:
                    held = []
                    yield batch(whole[:complete])
                yield _refusal(f"{path}, line {number}", waiting - complete)
                offset += waiting - complete
                held, waiting, complete, endless = [], 0, 0, True
    except BadDocument as damaged:
        whole = b"".join(held)
        if complete:
            held = []
            yield batch(whole[:complete])
        yield damaged
        return
    if waiting:
        yield batch(b"" if held[-1].endswith(b"\n") else b"\n")


def _refusal(where: str, size: int) -> BadDocument:
    try:
        check_size(where, size)
    except BadDocument as refused:
        return refused
    raise AssertionError(size)


def parquet_lines(path: Path, name: str) -> Iterator[Read]:
    """A Parquet file as JSON lines with all its columns."""
    total = path.stat().st_size
    return encode(path, name, "row", ((row, int(share * total)) for row, share in parquet_rows(path)))


def document_lines(path: Path, documents: Iterable[tuple[Document | BadDocument | OtherFile, int]]) -> Iterator[Read]:
    """Documents as JSON lines with their provenance. Each comes with how many bytes of `path` have been read."""
    rows = ((vars(found) if isinstance(found, Document) else found, position) for found, position in documents)
    return encode(path, path.name, "file", rows)


def encode(
    path: Path, name: str, unit: str, rows: Iterable[tuple[dict[str, Any] | BadDocument | OtherFile, int | None]]
) -> Iterator[Read]:
    """Records, each with the position in the file, as JSON lines; for `name` and `unit` see `Lines`.

    A position that is None is how many bytes the lines have had so far.
    """
    lines: list[bytes] = []
    held, number, position, written = 0, 1, 0, 0
    for row, place in _caught(rows):
        position = written if place is None else place
        if isinstance(row, BadDocument | OtherFile):
            if lines:
                yield Lines(path, name, b"".join(lines), unit, number, 0, position)
            number, held, lines = number + len(lines) + 1, 0, []  # it is a row of the file too
            yield row
            continue
        lines.append(orjson.dumps(row, default=_plain, option=orjson.OPT_APPEND_NEWLINE))
        held += len(lines[-1])
        written += len(lines[-1])
        if held >= BATCH_BYTES:
            yield Lines(path, name, b"".join(lines), unit, number, 0, position)
            number, held, lines = number + len(lines), 0, []
    if lines:
        yield Lines(path, name, b"".join(lines), unit, number, 0, position)


def _caught(
    rows: Iterable[tuple[dict[str, Any] | BadDocument | OtherFile, int | None]],
) -> Iterator[tuple[Any, int | None]]:
    """The rows, and what is wrong with the rest of them if anything is."""
    try:
        yield from rows
    except BadDocument as damaged:
        yield damaged, None


def _plain(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
