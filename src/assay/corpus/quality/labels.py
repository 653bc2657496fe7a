"""Labels: grades that somebody gave to excerpts of documents, one a line in a file that only grows.

A label holds the excerpt that was graded, so that a classifier can be trained from label files alone.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from assay.corpus.quality.rubric import GRADES, RUBRIC_HASH
from assay.corpus.records import json_lines
from assay.spec.base import Frozen, sha256_text
from assay.spec.errors import UserError

EXCERPT = 4_000  # characters
_CUT = "\n[…]\n"


class Excerpt(Frozen):
    """What is shown of a document to whoever grades it."""

    id: str
    domain: str
    text: str = Field(min_length=1)

    @property
    def key(self) -> str:
        """What tells excerpts apart: a hash of the text."""
        return sha256_text(self.text)[:24]

    @property
    def group(self) -> str:
        """The document that it is a part of; parts of one stay together when data are split."""
        return self.id.partition("#")[0]


class Label(Excerpt):
    """A grade for an excerpt."""

    grade: int = Field(ge=GRADES[0], le=GRADES[-1])
    author: str = Field(min_length=1, description="human:… or model:…")
    reason: str = Field(default="", description="in the author's words; empty if none was given")
    rubric: str = Field(default=RUBRIC_HASH, description="hash of the rubric")
    time: str = Field(default="", description="UTC, ISO 8601")


def excerpt_of(text: str) -> str:
    """All of a short text; of a longer one its beginning and a part from its middle, cut at white space."""
    if len(text) <= EXCERPT:
        return text
    half = EXCERPT // 2
    start = max(half, len(text) // 2 - half // 2)
    pieces = (text[:half], text[start : start + half])
    return _CUT.join(piece.rpartition(" ")[0] or piece for piece in pieces)


def read_labels(path: Path) -> list[Label]:
    """The labels of a file; the later of two by one author for one excerpt counts.

    Raises:
        UserError: no such file, a line that is no label, or labels made with another rubric.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file of labels; `assay quality label TEXT --into {path}` makes one")
    found: dict[tuple[str, str], Label] = {}
    for number, record in json_lines(path):
        label = _label(record, f"{path}, line {number}")
        found[label.author, label.key] = label
    return list(found.values())


def _label(record: Any, where: str) -> Label:
    try:
        label = Label.model_validate(record)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the line"
        raise UserError(f"{where}: not a label: {place}: {first['msg'].lower()}") from None
    if label.rubric != RUBRIC_HASH:
        raise UserError(
            f"{where}: this label was made with another rubric ({label.rubric}, not {RUBRIC_HASH}), so its grades mean "
            f"something else; label the text again into a new file"
        )
    return label


class LabelFile:
    """A file of labels that is added to, one line at a time, each on the disk before the next is asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mend()
        self.labels: list[Label] = read_labels(path) if path.is_file() and path.stat().st_size else []

    def _mend(self) -> None:
        """Cut off half a line that a killed process left."""
        if not self._path.is_file():
            return
        content = self._path.read_bytes()
        if content and not content.endswith(b"\n"):
            with self._path.open("r+b") as file:
                file.truncate(content.rfind(b"\n") + 1)

    def missing(self, excerpts: Iterable[Excerpt], author: str) -> list[Excerpt]:
        """The excerpts that an author has not graded yet."""
        done = {label.key for label in self.labels if label.author == author}
        return [excerpt for excerpt in excerpts if excerpt.key not in done]

    def add(self, label: Label) -> None:
        """Write a label to the disk."""
        with self._path.open("ab") as file:
            file.write(label.model_dump_json().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.labels.append(label)

    def take_back(self) -> Label | None:
        """Remove the last label from the file and return it."""
        if not self.labels:
            return None
        lines = self._path.read_bytes().splitlines(keepends=True)
        with self._path.open("r+b") as file:
            file.truncate(sum(map(len, lines[:-1])))
            os.fsync(file.fileno())
        return self.labels.pop()


def both_graded(ones: Sequence[Label], others: Sequence[Label]) -> tuple[list[int], list[int]]:
    """Grades of the excerpts that are in both lists, in the order of the first."""
    by_key = {label.key: label.grade for label in others}
    pairs = [(label.grade, by_key[label.key]) for label in ones if label.key in by_key]
    return [one for one, _ in pairs], [other for _, other in pairs]
