"""What evaluations found: means with standard errors, kept in the run's folder.

    evaluations/<task>-<file hash>.json           the means, and what was evaluated how (`Evaluation`)
    evaluations/<task>-<file hash>.items.jsonl    a line for each item: its line in the file, group and values

With a limit, `-<limit>` follows the hash. No text of the evaluated file is written. The items are written first, and
the other file names their hash, so that both are there or neither counts.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import Field, ValidationError

from assay.evaluation.task import Measured
from assay.spec.base import Frozen
from assay.training.files import replace_file

#: Raised whenever the same weights would get other values on the same file.
RULES = 1
FOLDER = "evaluations"


class Score(Frozen):
    """A mean over items."""

    value: float
    error: float | None = Field(description="standard error over items; None for a single item")
    items: int
    groups: int = Field(default=0, description="groups that the items belong to; 0 where a task has none")
    group_error: float | None = Field(
        default=None, description="standard error where whole groups are drawn by chance; None without two groups"
    )
    guessing: float | None = Field(default=None, description="what an accuracy would be by chance")


Scores = dict[str, Score]


class Evaluation(Frozen):
    """A run's checkpoint on one file."""

    rules: int = RULES
    task: str
    file: str = Field(description="name of the file")
    sha256: str = Field(description="of the file")
    limit: int | None = Field(description="so many items, spread evenly over the file; None: all")
    run: str = Field(description="the run's hash")
    checkpoint: str = Field(description="SHA-256 of the weights")
    scores: Scores = Field(description="by measure, over all items")
    groups: dict[str, Scores] = Field(description="by group and measure; empty where a task has no groups")
    items_sha256: str = Field(description="of the file of single items")
    seconds: float


class Evaluated(NamedTuple):
    """An evaluation and its single items, in the file's order."""

    summary: Evaluation
    lines: list[int]
    items: list[Measured]


def mean(values: np.ndarray, weights: np.ndarray, groups: Sequence[str] = (), guessing: float | None = None) -> Score:
    """The weighted mean of independent items, with its standard error.

    With equal weights the error is the sample deviation over √n, which for values of 0 and 1 is the binomial one;
    with other weights, those of a ratio of sums (Cochran 1977, "Sampling Techniques", equation 2.46). The error over
    groups adds up the items of each before squaring (Liang & Zeger 1986; Miller 2024, "Adding Error Bars to Evals",
    section 2.2): items of one paradigm go up and down together.

    Args:
        values, weights: (N,).
        groups: of each item; without, there are none.
    """
    n, whole = len(values), float(weights.sum())
    value = float((weights * values).sum()) / whole
    residuals = weights * (values - value)
    _, numbers = np.unique(groups, return_inverse=True)
    count = int(numbers.max()) + 1 if len(numbers) else 0
    sums = np.bincount(numbers, residuals, count) if count else np.zeros(0)
    return Score(
        value=value, error=_error(residuals, whole), items=n, groups=count, group_error=_error(sums, whole),
        guessing=guessing,
    )  # fmt: skip


def _error(residuals: np.ndarray, whole: float) -> float | None:
    n = len(residuals)
    return math.sqrt(float((residuals**2).sum()) * n / (n - 1)) / whole if n > 1 else None


def scores(items: Sequence[Measured]) -> Scores:
    """Means of every measure."""
    weights = np.array([item.weight for item in items], dtype=np.float64)
    options = np.array([item.options for item in items])
    guessing = float((1 / options).mean()) if options.all() else None
    groups = [item.group for item in items] if any(item.group for item in items) else []
    return {
        measure: mean(
            np.array([item.values[measure] for item in items]),
            weights,
            groups,
            guessing if measure.startswith("accuracy") else None,
        )
        for measure in items[0].values
    }


def by_group(items: Sequence[Measured]) -> dict[str, Scores]:
    """The same for each group; empty where there are no groups."""
    parts: dict[str, list[Measured]] = {}
    for item in items:
        parts.setdefault(item.group, []).append(item)
    return {name: scores(parts[name]) for name in sorted(parts)} if set(parts) - {""} else {}


def paired(one: Evaluated, two: Evaluated) -> list[Measured]:
    """Two minus one on each item. `scores` and `by_group` of it are mean differences with paired standard errors.

    Both are evaluations of the same file with the same limit.
    """
    assert one.lines == two.lines
    return [
        first._replace(values={name: second.values[name] - value for name, value in first.values.items()}, options=0)
        for first, second in zip(one.items, two.items, strict=True)
    ]


def write(folder: Path, name: str, summary: Evaluation, lines: Sequence[int], items: Sequence[Measured]) -> Evaluated:
    """Store an evaluation in a run's folder; gives it back as it was stored."""
    rows = [
        {"line": line, "group": item.group, "weight": item.weight, "options": item.options, **item.values}
        | ({"text": item.text} if item.text else {})
        for line, item in zip(lines, items, strict=True)
    ]
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    summary = summary.model_copy(update={"items_sha256": hashlib.sha256(data).hexdigest()})
    (folder / FOLDER).mkdir(exist_ok=True)
    replace_file(folder / FOLDER / f"{name}.items.jsonl", data)
    replace_file(folder / FOLDER / f"{name}.json", (summary.model_dump_json(indent=1) + "\n").encode())
    return Evaluated(summary, list(lines), list(items))


def read(folder: Path, name: str) -> Evaluated | None:
    """An evaluation that is stored whole and by these rules; None for any other, which is to be made again."""
    path = folder / FOLDER / f"{name}.json"
    try:
        summary = Evaluation.model_validate_json(path.read_bytes())
        data = path.with_name(f"{name}.items.jsonl").read_bytes()
    except (FileNotFoundError, ValidationError):
        return None
    if summary.rules != RULES or hashlib.sha256(data).hexdigest() != summary.items_sha256:
        return None
    rows: list[dict[str, Any]] = [json.loads(line) for line in data.splitlines()]
    items = [
        Measured({measure: row[measure] for measure in summary.scores}, row["group"], row["weight"], row["options"],
                 row.get("text", ""))
        for row in rows
    ]  # fmt: skip
    return Evaluated(summary, [row["line"] for row in rows], items)


def stored(folder: Path) -> list[Evaluation]:
    """All evaluations in a run's folder that are of use, by name of their file."""
    found = [read(folder, path.stem) for path in sorted((folder / FOLDER).glob("*.json"))]
    return [evaluated.summary for evaluated in found if evaluated]
