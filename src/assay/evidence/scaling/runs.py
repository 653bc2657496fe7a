"""Tables of training runs, checked: units, copies, and whether the loss says anything about scale at all.

Columns: `params`, `tokens`, `loss`, optionally `flops` (6·params·tokens where it is missing: Kaplan et al. 2020,
"Scaling Laws for Neural Language Models", section 2.1) and a column that says which run a row belongs to.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.evidence.tables import Table, decimals, read_table
from assay.spec.errors import UserError

Floats = NDArray[np.float64]

#: Five parameters and one run over.
FEWEST = 6
#: FLOPs may differ from 6·params·tokens by attention and the like, but not by this factor between two runs of a table.
_FLOPS_FACTOR = 10.0
#: No ladder of runs leaves out this factor between two neighbouring sizes; a change of unit does.
_GAP = 300.0
#: Nor do losses of one kind leave out this factor.
LOSS_GAP = 30.0
_SUFFIX = re.compile(r"\s*([0-9][0-9.]*)\s*([kKmMgGbBtT])\s*")
_POWERS = {"k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9, "t": 1e12}


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of one recipe at several sizes and lengths. All arrays have shape (runs,)."""

    name: str
    """Of the table, for messages."""
    lines: tuple[int, ...]
    """Line of the table that each run stood on."""
    params: Floats
    tokens: Floats
    loss: Floats
    flops: Floats
    groups: tuple[str, ...] | None = None
    """Which training run each row is a checkpoint of; None: every row is a run of its own."""

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def ratio(self) -> Floats:
        """Tokens per parameter."""
        return self.tokens / self.params

    def take(self, places: Sequence[int] | NDArray[Any]) -> "Runs":
        """The runs at the given places."""
        at: list[int] = np.asarray(places, dtype=int).tolist()
        groups = None if self.groups is None else tuple(self.groups[i] for i in at)
        return Runs(
            self.name, tuple(self.lines[i] for i in at), self.params[at], self.tokens[at], self.loss[at],
            self.flops[at], groups,
        )  # fmt: skip

    def without_lowest_ratio(self, count: int) -> "Runs":
        """The runs without the `count` ones of fewest tokens per parameter.

        Raises:
            UserError: fewer than six would be left.
        """
        if count < 0 or len(self) - count < FEWEST:
            raise UserError(
                f"dropping {count} of {len(self)} runs of {self.name} is not possible: at least {FEWEST} must be left"
            )
        return self.take(np.sort(np.argsort(self.ratio, kind="stable")[count:]))

    @staticmethod
    def of(params: Any, tokens: Any, loss: Any, groups: Sequence[str] | None = None, name: str = "runs") -> "Runs":
        """Runs from arrays, checked as a table is. Lines are counted from 1.

        Raises:
            UserError: as `read_runs`.
        """
        n, d, values = (np.asarray(column, dtype=float) for column in (params, tokens, loss))
        lines = tuple(range(1, len(n) + 1))
        runs = Runs(name, lines, n, d, values, 6 * n * d, None if groups is None else tuple(groups))
        _check(runs)
        return runs


def read_runs(path: Path, group: str | None = None) -> Runs:
    """Read and check a table of runs.

    Args:
        path: CSV or TSV with columns params, tokens, loss and optionally flops.
        group: column that names the training run of each row, where rows are checkpoints.

    Raises:
        UserError: what is wrong with the table, in one sentence.
    """
    table = read_table(path, ("params", "tokens", "loss", *([group] if group else [])), least=FEWEST)
    params, tokens, loss = (sizes(table, name) for name in ("params", "tokens", "loss"))
    flops = sizes(table, "flops") if "flops" in table.columns else 6 * params * tokens
    runs = Runs(str(path), table.rows, params, tokens, loss, flops, table.text(group) if group else None)
    check_flops(runs.name, runs.lines, flops, params, tokens)
    seeds = table.columns.get("seed")
    _check(runs, seeds)
    return runs


def sizes(table: Table, name: str) -> Floats:
    """A column of positive numbers.

    Raises:
        UserError: as `Table.numbers`; an entry like 70M is answered with how to write it.
    """
    for line, entry in zip(table.rows, table.text(name), strict=True):
        found = _SUFFIX.fullmatch(entry)
        if found:
            plain = float(found[1]) * _POWERS[found[2].lower()]
            raise UserError(
                f"{table.path}, line {line}: '{entry.strip()}' in column '{name}' has a unit; write the plain number, "
                f"{plain:g}, in every row"
            )
    return table.numbers(name, positive=True)


def check_flops(name: str, lines: Sequence[int], flops: Floats, params: Floats, tokens: Floats) -> None:
    """Refuse FLOPs that are not in one proportion to 6·params·tokens.

    Raises:
        UserError: some row's differ from the others' by more than ten times.
    """
    factor = flops / (6 * params * tokens)
    usual = float(np.median(factor))
    odd = np.flatnonzero((factor > _FLOPS_FACTOR * usual) | (factor < usual / _FLOPS_FACTOR))
    if len(odd):
        first = odd[0]
        raise UserError(
            f"{name}, line {lines[first]}: flops are {factor[first]:.3g} times 6·params·tokens, but {usual:.3g} times "
            f"in most rows; are params, tokens or flops in mixed units?"
        )


def check_gap(name: str, column: str, lines: Sequence[int], values: Floats, most: float = _GAP) -> None:
    """Refuse a column whose values fall apart into two units.

    Raises:
        UserError: two neighbouring values are more than `most` times apart.
    """
    order = np.argsort(values)
    ratios = values[order][1:] / values[order][:-1]
    if len(ratios) and ratios.max() > most:
        at = int(ratios.argmax())
        low, high = order[at], order[at + 1]
        raise UserError(
            f"{name}: {column} jump from {values[low]:g} (line {lines[low]}) to {values[high]:g} (line {lines[high]}) "
            f"with nothing between; are they in mixed units?"
        )


def check_copies(name: str, lines: Sequence[int], columns: Mapping[str, Sequence[Any]]) -> None:
    """Refuse rows that agree in all the given columns, unless repeats scatter so little that ties are to be expected.

    Raises:
        UserError: naming the first two.
    """
    seen: dict[tuple[Any, ...], int] = {}
    copies: list[tuple[int, int]] = []
    for line, row in zip(lines, zip(*columns.values(), strict=True), strict=True):
        if row in seen:
            copies.append((seen[row], line))
        else:
            seen[row] = line
    if copies and not _ties(columns, len(copies)):
        first, second = copies[0]
        more = f" (and {len(copies) - 1} more such rows)" if len(copies) > 1 else ""
        raise UserError(
            f"{name}: lines {first} and {second} are the same run: equal {', '.join(columns)}{more}; keep each run "
            f"once, or tell repeats apart in a column 'seed'"
        )


def _ties(columns: Mapping[str, Sequence[Any]], found: int) -> bool:
    """Whether so many equal losses are what rounding makes of a table of repeats.

    Two Gaussian losses of deviation s, written in steps of r, agree with probability r/(2·√π·s).
    """
    losses: defaultdict[tuple[Any, ...], list[float]] = defaultdict(list)
    others = zip(*(values for name, values in columns.items() if name != "loss"), strict=True)
    for scale, loss in zip(others, columns["loss"], strict=True):
        losses[scale].append(loss)
    repeats = [values for values in losses.values() if len(values) > 1]
    free = sum(len(values) - 1 for values in repeats)
    spread = np.sqrt(sum(float(np.var(values)) * len(values) for values in repeats) / free)
    step = 10.0 ** -max(decimals(repr(loss)) for loss in columns["loss"])
    pairs = sum(len(values) * (len(values) - 1) / 2 for values in repeats)
    return bool(spread > 0 and free >= 3 and found <= 3 * pairs * step / (2 * np.sqrt(np.pi) * spread))


def check_falls(name: str, flops: Floats, loss: Floats) -> None:
    """Refuse a loss that is constant or rises with compute.

    Raises:
        UserError: which of the two.
    """
    if np.ptp(loss) <= 1e-9 * loss.mean():
        raise UserError(f"{name}: the loss is {loss[0]:g} in every row; a constant says nothing about scale")
    signs = np.sign(np.subtract.outer(np.log(flops), np.log(flops)))
    agreement = float((signs * np.sign(np.subtract.outer(loss, loss))).sum() / max(1.0, np.abs(signs).sum()))
    slope = float(np.cov(np.log(flops), np.log(loss))[0, 1])
    if agreement > 0 and slope > 0:
        raise UserError(
            f"{name}: the loss rises with compute (rank correlation {agreement:+.2f}); is the column a score where "
            f"more is better, or are rows mixed up?"
        )


def _check(runs: Runs, seeds: Sequence[str] | None = None) -> None:
    name = runs.name
    if len(runs) < FEWEST:
        raise UserError(f"{name}: {len(runs)} runs; at least {FEWEST} are needed to fit five parameters")
    _check_units(runs)
    columns: dict[str, Sequence[Any]] = {
        "params": runs.params.tolist(), "tokens": runs.tokens.tolist(), "loss": runs.loss.tolist()
    }  # fmt: skip
    check_copies(name, runs.lines, columns | ({} if seeds is None else {"seed": seeds}))
    if runs.groups is not None:
        _check_curves(runs, runs.groups)
    for column, values in (("params", runs.params), ("tokens", runs.tokens)):
        distinct = len(np.unique(values))
        if distinct < 3:
            raise UserError(
                f"{name}: column '{column}' has {distinct} different value{'s' if distinct > 1 else ''}; "
                f"an exponent needs at least 3"
            )
    # A table of one budget says nothing about compute, only about the size that suits it.
    if np.ptp(np.log(runs.flops)) > np.log(1.5) or np.ptp(runs.loss) == 0:
        x = np.stack([np.ones(len(runs)), np.log(runs.params), np.log(runs.tokens)], axis=1)
        slopes = np.linalg.lstsq(x, np.log(runs.loss), rcond=None)[0]
        if np.ptp(runs.loss) <= 1e-9 * runs.loss.mean() or slopes[1] + slopes[2] > 0:
            check_falls(name, runs.flops, runs.loss)


def _check_units(runs: Runs) -> None:
    for column, values in (("params", runs.params), ("tokens", runs.tokens)):
        check_gap(runs.name, column, runs.lines, values)
    check_gap(runs.name, "losses", runs.lines, runs.loss, LOSS_GAP)


def _check_curves(runs: Runs, groups: Sequence[str]) -> None:
    """Refuse two training runs with the same losses at the same tokens."""
    curves: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for group, tokens, loss in zip(groups, runs.tokens.tolist(), runs.loss.tolist(), strict=True):
        curves[group].append((tokens, loss))
    seen: dict[tuple[tuple[float, float], ...], str] = {}
    for group, points in curves.items():
        key = tuple(sorted(points))
        if len(key) >= 2 and key in seen:
            raise UserError(
                f"{runs.name}: '{seen[key]}' and '{group}' are the same curve: {len(key)} equal losses at equal tokens"
            )
        seen[key] = group
