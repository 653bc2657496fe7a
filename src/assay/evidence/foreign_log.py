"""Which kept changes of another system's log stand beyond noise?

A log holds one run a row, in order, as greedy search writes it: a change is tried on top of what was kept before, and
kept if its value came out better. Its first kept row is the baseline. Each change is compared with the kept
configuration it was tried against: the gain of one run over one run has the deviation σ√2, σ being that of one run
of one configuration from seed to seed, so

    z = gain / (σ·√(1/n + 1/n₀)),   n and n₀ runs of the change and of what it was compared with (1 and 1 mostly).

**σ** is given (an assumption, and labelled so), or estimated from repeats in the file: runs of one configuration with
different values, pooled over configurations. Then z is a t statistic with as many degrees of freedom as there are
repeats beyond the first. A log without repeats says nothing about its own noise.

**Correction.** A log of a hundred tries has some good-looking ones by luck, so every change that was tried and measured
counts, kept or not; crashes measured nothing. Holm's procedure (1979, "A simple sequentially rejective multiple test
procedure") on all their one-sided p-values bounds the chance that even one change stands falsely by α, whatever the
dependence of tests that share a run.

**What is exact.** z for Gaussian noise of one σ throughout. What was kept was partly kept for its luck, so that the
next change is compared with a value that is too good: its own test errs on the strict side, while the gain of the kept
one is flattered. Two numbers show how far luck alone goes, if nothing worked at all: of m + 1 runs of one
configuration in order, keep-if-better keeps 1/2 + 1/3 + … + 1/(m + 1) on average, whatever the noise (Rényi 1962,
"Théorie des éléments saillants d'une suite d'observations"), and ends σ·E[max of m + 1 standard normals] below its
start.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from scipy import special  # pyright: ignore[reportMissingTypeStubs]

from assay.evidence.tables import Table, read_table, shorten
from assay.spec.errors import UserError

#: Names by which columns are found, the first that is there.
VALUES = ("val_bpb", "val_loss", "loss", "bpb", "value", "score", "metric", "perplexity", "accuracy")
STATUSES = ("status", "decision", "outcome", "verdict", "result", "kept", "accepted")
NAMES = ("commit", "name", "id", "run", "run_id", "experiment", "hash")
DESCRIPTIONS = ("description", "change", "idea", "note", "notes", "hypothesis")
#: What a status says, in small letters.
KEPT = frozenset({"keep", "kept", "accept", "accepted", "promote", "promoted", "baseline", "true", "yes", "1"})
CRASHED = frozenset({"crash", "crashed", "error", "failed", "fail", "timeout", "oom", "nan", "diverged", "invalid"})
#: Columns that say which configuration a row ran.
CONFIGURATIONS = ("config", "configuration", "recipe")
_REPEAT = re.compile(r"\b(re-?runs?|re-?peat(ed|s)?|replic\w*|seeds?)\b[\s:=#]*\d*")
_AGAIN = ("repeat", "rerun", "re-run", "replicat", "seed", "again", "same")
_FILLERS = frozenset({"a", "again", "an", "another", "at", "different", "new", "of", "on", "other", "the", "with"})
_MOST_APART = 50.0

_Names = Literal["commit", "label", "configuration"]

_student_cdf = cast("Callable[[float, float], float]", special.stdtr)
_normal_cdf = cast("Callable[[float], float]", special.ndtr)


@dataclass(slots=True)
class Tried:
    """One configuration: a change with all runs of it."""

    name: str
    description: str
    line: int
    """Of the file, where its first run stands."""
    place: int
    """Among the measured runs, from 0."""
    against: "Tried | None"
    """The configuration it was compared with; None for the baseline."""
    kept: bool
    values: list[float] = field(default_factory=list[float])

    @property
    def value(self) -> float:
        return math.fsum(self.values) / len(self.values)


@dataclass(frozen=True, slots=True)
class Change:
    """A kept change and what noise leaves of it."""

    name: str
    description: str
    line: int
    place: int
    value: float
    runs: int
    gain: float
    """Improvement over what it was compared with; positive is better whichever way the values run."""
    z: float
    p_value: float
    stands: bool
    stands_corrected: bool

    def facts(self) -> dict[str, Any]:
        return {
            "name": self.name, "description": self.description, "line": self.line, "value": self.value,
            "runs": self.runs, "gain": self.gain, "z": self.z, "p_value": self.p_value, "stands": self.stands,
            "stands_corrected": self.stands_corrected,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class LogAudit:
    """What noise leaves of a log; see the module for how."""

    sigma: float
    """Deviation of one run, in the unit of the values."""
    sigma_source: Literal["assumption", "repeats"]
    degrees: int | None
    """Degrees of freedom of a σ from repeats."""
    sigma_of_repeats: float | None
    """What repeats in the file say, also where another σ was given."""
    alpha: float
    n_rows: int
    n_crashed: int
    n_tried: int
    """Changes that were tried and measured: those that the correction counts."""
    value_column: str
    baseline: float
    final: float
    chance_keeps: float
    """Changes that keep-if-better would keep on average if none of them did anything."""
    chance_gain: float
    """Gain from first to last that luck alone would show on average."""
    changes: tuple[Change, ...]
    """What was kept, in order."""
    tried: tuple[Tried, ...] = field(repr=False, default=())
    """All configurations, the baseline first, in order."""

    @property
    def standing(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.stands)

    @property
    def standing_corrected(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.stands_corrected)

    def facts(self) -> dict[str, Any]:
        """Plain data, as `assay audit-log --json` prints them."""
        return {
            "sigma": self.sigma, "sigma_source": self.sigma_source, "degrees": self.degrees,
            "sigma_of_repeats": self.sigma_of_repeats, "alpha": self.alpha,
            "correction": "Holm over all measured changes",
            "n_rows": self.n_rows, "n_crashed": self.n_crashed, "n_tried": self.n_tried, "n_kept": len(self.changes),
            "stand_uncorrected": len(self.standing), "stand_corrected": len(self.standing_corrected),
            "value_column": self.value_column, "baseline": self.baseline, "final": self.final,
            "gain_total": math.fsum(c.gain for c in self.changes),
            "gain_standing": math.fsum(c.gain for c in self.standing),
            "gain_standing_corrected": math.fsum(c.gain for c in self.standing_corrected),
            "chance_keeps": self.chance_keeps, "chance_gain": self.chance_gain,
            "changes": [change.facts() for change in self.changes],
        }  # fmt: skip


def audit_log(
    path: Path,
    *,
    sigma: float | None = None,
    alpha: float = 0.05,
    value: str | None = None,
    status: str | None = None,
    name: str | None = None,
    keep: str | None = None,
    higher_is_better: bool = False,
) -> LogAudit:
    """Say which kept changes of a log stand beyond noise.

    Args:
        path: a table with a row a run, in order: autoresearch's `results.tsv`, or any CSV or TSV with named columns.
        sigma: deviation of one run from seed to seed, in the unit of the values; from repeats in the file if None.
        alpha: one-sided level, for each change and, corrected, for the whole log.
        value, status, name: columns of the results, of what was decided, and of what tells configurations apart;
            common names are found.
        keep: the status of a kept change; common words are known.
        higher_is_better: whether larger values are better.

    Raises:
        UserError: what is wrong with the log, or that its noise is unknown, in one sentence.
    """
    if sigma is not None and not 0 < sigma < math.inf:
        raise UserError(f"sigma {sigma:g} should be above zero: the deviation of one run, in the unit of the values")
    if not 0 < alpha < 0.5:
        raise UserError(f"alpha {alpha:g} should lie above 0 and below 0.5")
    table = read_table(Path(path), least=2)
    value = _column(table, value, VALUES, "value", "results")
    status = _column(table, status, STATUSES, "status", "decisions")
    name = name or next((each for each in CONFIGURATIONS if each in table.columns), None)
    found_name = next((each for each in NAMES if each in table.columns), None)
    log = _read(table, value, status, name or found_name, keep)
    tried = _configurations(log, "configuration" if name else "commit" if found_name in ("commit", "hash") else "label")
    sign = 1.0 if higher_is_better else -1.0
    found, degrees = _pooled(tried)
    changes = [each for each in tried if each.against is not None]
    _check_direction(table, changes, sign, higher_is_better)
    if sigma is None and found is None:
        raise UserError(
            f"{table.path}: no configuration was run twice, so that its noise is unknown; give --sigma, one run's "
            f"deviation (train the baseline with a few seeds to measure it), or add such repeats to the file"
        )
    used = sigma if sigma is not None else cast("float", found)
    freedom = None if sigma is not None else degrees
    tests = [_test(each, used, freedom, sign) for each in changes]
    stands = _holm([p for _, _, p in tests], alpha)
    rows = tuple(
        Change(each.name, each.description, each.line, each.place, each.value, len(each.values), gain, z, p, p <= alpha,
               stood)
        for each, (gain, z, p), stood in zip(changes, tests, stands, strict=True)
        if each.kept
    )  # fmt: skip
    kept = [each for each in tried if each.kept]
    return LogAudit(
        used, "assumption" if sigma is not None else "repeats", freedom, found, alpha, len(table), log.crashed,
        len(changes), value, kept[0].value, kept[-1].value, chance_keeps(len(changes)),
        used * expected_maximum(len(changes) + 1), rows, tuple(tried),
    )  # fmt: skip


def chance_keeps(tried: int) -> float:
    """Keeps that keep-if-better makes on average of so many changes that do nothing: records of an i.i.d. sequence."""
    return math.fsum(1 / k for k in range(2, tried + 2))


def expected_maximum(count: int) -> float:
    """Expectation of the largest of so many standard normals: ∫ 1 − Φⁿ(x) over x > 0 less ∫ Φⁿ(x) over x < 0."""
    x = np.linspace(-9.0, 9.0, 36_001)
    below = np.asarray(special.ndtr(x), dtype=np.float64) ** count
    return float(np.trapezoid(np.heaviside(x, 0.5) - below, x))


@dataclass(slots=True)
class _Row:
    line: int
    name: str
    description: str
    value: float
    kept: bool


@dataclass(slots=True)
class _Log:
    rows: list[_Row]
    crashed: int


def _column(table: Table, chosen: str | None, common: Sequence[str], option: str, what: str) -> str:
    if chosen is not None:
        table.text(chosen)
        return chosen
    found = next((each for each in common if each in table.columns), None)
    if found is None:
        listed = ", ".join(list(table.columns)[:20])
        raise UserError(f"{table.path}: which column holds the {what}? Name it with --{option}; there are: {listed}")
    return found


def _read(table: Table, value: str, status: str, name: str | None, keep: str | None) -> _Log:
    """Measured rows in order; rows that crashed are counted."""
    statuses = [entry.strip().casefold() for entry in table.text(status)]
    wanted = KEPT if keep is None else frozenset({keep.strip().casefold()})
    if not wanted & set(statuses):
        there = ", ".join(sorted(set(statuses))[:8])
        raise UserError(
            f"{table.path}: no row of column '{status}' says '{keep or 'keep'}'; it says: {shorten(there)}; name the "
            f"status of a kept change with --keep"
        )
    described = next((each for each in DESCRIPTIONS if each in table.columns), None)
    names = table.text(name) if name is not None else tuple(f"line {line}" for line in table.rows)
    descriptions = table.text(described) if described is not None else ("",) * len(table)
    measured = [i for i, said in enumerate(statuses) if said not in CRASHED]
    values = table.take(measured).numbers(value)
    signs = {float(np.sign(number)) for i, number in zip(measured, values, strict=True) if statuses[i] in wanted}
    if 0.0 in signs and len(signs) > 1:
        raise UserError(f"{table.path}: a kept row has 0 in column '{value}'; a run that crashed should not be kept")
    rows: list[_Row] = []
    seen: dict[tuple[str, ...], int] = {}
    for i, number in zip(measured, values, strict=True):
        kept = statuses[i] in wanted
        if number == 0 and not kept and 0.0 not in signs:
            continue  # not measured: some logs write a crash so
        entries = tuple(column[i] for column in table.columns.values())
        if entries in seen:
            raise UserError(
                f"{table.path}, line {table.rows[i]}: the same row as line {seen[entries]}; delete the copy"
            )
        seen[entries] = table.rows[i]
        rows.append(_Row(table.rows[i], names[i].strip(), descriptions[i].strip(), float(number), kept))
    first = next(i for i, row in enumerate(rows) if row.kept)
    _check_values(table, value, rows[first:])
    return _Log(rows[first:], len(table) - len(rows))


def _check_values(table: Table, value: str, rows: list[_Row]) -> None:
    if len(rows) < 2:
        raise UserError(f"{table.path}: nothing was measured after the baseline")
    if len({row.value for row in rows}) == 1:
        raise UserError(f"{table.path}: all values of '{value}' are {rows[0].value:g}; is this the right column?")
    kept = sorted((row for row in rows if row.kept), key=lambda row: abs(row.value))
    low, high = kept[0], kept[-1]
    if low.value * high.value > 0 and abs(high.value) > _MOST_APART * abs(low.value):
        raise UserError(
            f"{table.path}: '{value}' is {low.value:g} on line {low.line} and {high.value:g} on line {high.line}, both "
            f"kept; these are other units"
        )


def _configurations(log: _Log, names: _Names) -> list[Tried]:
    """Runs gathered by configuration, in order of their first run."""
    found: list[Tried] = []
    champion: Tried | None = None
    for place, row in enumerate(log.rows):
        same = next((each for each in reversed(found) if _repeats(row, each, champion, names)), None)
        if same is None:
            same = Tried(row.name, row.description, row.line, place, champion, row.kept)
            found.append(same)
        same.values.append(row.value)
        if row.kept:
            same.kept = True
            champion = same
    return found


def _repeats(row: _Row, earlier: Tried, champion: Tried | None, names: _Names) -> bool:
    """Whether a row is another run of an earlier configuration.

    The same commit is, unless its description tells of something else (logs that note a change before committing it
    repeat the parent's). So is the same description, or name where nothing is described, on top of the same kept
    configuration, and one that says that it is a repeat, as `baseline (seed 2)` or `rerun of X`. Words that come again
    later are another configuration, since what they change has changed.
    """
    same_name = row.name == earlier.name and row.name.strip("-–? ") != ""
    if names == "configuration":
        return same_name
    described, before = (" ".join(text.casefold().split()) for text in (row.description, earlier.description))
    if names == "commit" and same_name:
        return described in ("", before) or any(word in described for word in _AGAIN)
    same_words = described == before if described else same_name and not before
    again = _REPEAT.search(described) or (earlier.against is None and "again" in described.split())
    if again and _plain(described) == _plain(before) != "":
        return earlier is champion or earlier.against in (champion, None)
    if earlier is champion:  # "more of the same" under another commit is a new change; a second baseline is not
        return same_words and (names == "label" or earlier.against is None)
    return same_words and earlier.against is champion and not earlier.kept


def _plain(description: str) -> str:
    """What a description says besides that it is a repeat: `baseline` of `rerun of the baseline (seed 3)`."""
    words = re.findall(r"[^\W_][\w.+-]*", _REPEAT.sub(" ", description))
    return " ".join(word for word in words if word not in _FILLERS)


def _pooled(tried: list[Tried]) -> tuple[float | None, int]:
    """Deviation of one run over all configurations that were run more than once, and its degrees of freedom."""
    degrees = sum(len(each.values) - 1 for each in tried)
    squares = math.fsum((v - each.value) ** 2 for each in tried for v in each.values)
    return (math.sqrt(squares / degrees) if degrees and squares > 0 else None), degrees


def _check_direction(table: Table, changes: list[Tried], sign: float, higher_is_better: bool) -> None:
    kept = [each for each in changes if each.kept and each.against is not None]
    if len(kept) > 2 and all(sign * (each.value - cast("Tried", each.against).value) < 0 for each in kept):
        hint = "leave --higher-is-better out" if higher_is_better else "give --higher-is-better if larger is better"
        raise UserError(
            f"{table.path}: every kept change made things worse; {hint}, or name another column with --value"
        )


def _test(each: Tried, sigma: float, degrees: int | None, sign: float) -> tuple[float, float, float]:
    """Gain, z and one-sided p-value of a change."""
    against = cast("Tried", each.against)
    gain = sign * (each.value - against.value)
    z = gain / (sigma * math.sqrt(1 / len(each.values) + 1 / len(against.values)))
    return gain, z, float(_normal_cdf(-z) if degrees is None else _student_cdf(degrees, -z))


def _holm(p_values: Sequence[float], alpha: float) -> list[bool]:
    """Which hypotheses fall: in order of p, until one exceeds α divided by how many are left."""
    stands = [False] * len(p_values)
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        if p_values[place] > alpha / (len(p_values) - rank):
            break
        stands[place] = True
    return stands
