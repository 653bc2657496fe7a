"""Evaluation files: JSON lines in the format of a task."""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

from assay.corpus.records import json_lines
from assay.evaluation.task import Row, Task
from assay.spec.errors import UserError
from assay.spec.registry import load, names


class EvaluationFile(NamedTuple):
    """The items of a file that are evaluated."""

    path: Path
    sha256: str
    """Of the file's bytes."""
    task: str
    items: list[Any]
    """As the task reads them."""
    lines: list[int]
    """The line of each, from 1."""
    limit: int | None
    """How many were asked for; None: these are all."""


def read_file(path: Path, task: str | None = None, limit: int | None = None) -> EvaluationFile:
    """Read a `.jsonl`, `.jsonl.gz` or `.jsonl.zst` file. Every line is checked, whatever the limit.

    Args:
        task: name of the task; None: the one whose fields the first row has.
        limit: take only so many items, spread evenly over the file; None: all.

    Raises:
        UserError: no such file, no items, a task that is not known or not to be told from the fields, or a broken
            line, which is named.
    """
    if task is not None and task not in names("evaluation_task"):
        raise UserError(f"no task is called '{task}'; there are: {', '.join(names('evaluation_task'))}")
    if limit is not None and limit < 1:
        raise UserError(f"limit {limit}: evaluate at least one item")
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        rows = list(json_lines(path))
    except (FileNotFoundError, IsADirectoryError):
        raise UserError(f"{path}: no such file; name a .jsonl, .jsonl.gz or .jsonl.zst file") from None
    if not rows:
        raise UserError(f"{path}: empty; expected one JSON object a line")
    number, first = rows[0]
    task = task or detect(first, f"{path}, line {number}")
    reader: Task = load("evaluation_task", task)()
    items = [reader.read(Row(record, f"{path}, line {number}")) for number, record in rows]
    lines = [number for number, _ in rows]
    if limit is None or limit >= len(items):
        return EvaluationFile(path, digest, task, items, lines, None)
    chosen = [i * len(items) // limit for i in range(limit)]
    return EvaluationFile(path, digest, task, [items[i] for i in chosen], [lines[i] for i in chosen], limit)


def detect(record: Any, where: str) -> str:
    """The task whose fields a row has; of several, the one with the most. Raises `UserError` where that is not one."""
    best = _fitting(record)
    if len(best) == 1:
        return best[0]
    if best:
        raise UserError(f"{where}: its fields fit the tasks {' and '.join(best)}; say which with --task")
    fields = {name: load("evaluation_task", name).fields for name in names("evaluation_task")}
    known = "; ".join(f"{name}: {', '.join(wanted)}" for name, wanted in fields.items())
    found = ", ".join(sorted(record)) if isinstance(record, dict) and record else "no object"
    raise UserError(f"{where}: no task has these fields ({found}); expected one of {known}")


def texts_of(path: Path) -> tuple[list[str], list[list[str]]]:
    """What no training text should hold: a label for each item of a file, and its texts (`Task.texts`).

    Raises:
        UserError: as `read_file`.
    """
    for _, record in json_lines(path) if path.is_file() else ():
        task = next(reversed(_fitting(record)), None)  # tasks with the same fields have the same texts
        break
    else:
        task = None
    file = read_file(path, task)
    reader: Task = load("evaluation_task", file.task)()
    return [f"line {line}" for line in file.lines], [reader.texts(item) for item in file.items]


def _fitting(record: Any) -> list[str]:
    """The tasks whose fields a row has; of several, those with the most."""
    wanted = {name: load("evaluation_task", name).fields for name in names("evaluation_task")}
    present = set(record) if isinstance(record, dict) else set[str]()
    matching = {name: len(fields) for name, fields in wanted.items() if present.issuperset(fields)}
    return [name for name, count in matching.items() if count == max(matching.values())]
