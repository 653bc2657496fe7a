"""Two tables of runs, read, checked and compared: `samples` for files."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from assay.evidence.samples import Claim, Comparison, Design, Floats, compare_samples
from assay.evidence.tables import Table, decimals, read_table, shorten
from assay.spec.errors import UserError

#: Factor between values of one quantity beyond which they have other units.
MOST_APART = 50.0
#: Columns that say which run a row is.
_NAMES = ("seed", "run", "run_id", "id", "uuid", "hash", "commit")
_SORTED = 8  # rows that do not come in order of size by chance: 2 in 8!
_MOST_NAMED = 8
#: Pairs of equal values that chance makes on average, below which one such pair is a copy.
_CHANCE = 0.005
#: Different values from which two tables of the same values, in another order, are one table.
_MOST_BY_CHANCE = 4


def compare_tables(
    a: Path,
    b: Path,
    *,
    paired: bool = False,
    test: Claim = "superiority",
    margin: float | None = None,
    alpha: float = 0.05,
    design: Design = "fixed",
    value: str = "value",
    where_a: Sequence[str] = (),
    where_b: Sequence[str] = (),
) -> Comparison:
    """Compare the runs of a baseline with those of a candidate, one row a run; lower values are better.

    Pairs are rows with the same `seed` where both tables have such a column, rows of the same order elsewhere. Seeds
    without a partner are left out and noted. In sequence a pair arrives when the later of its two rows does.

    Args:
        a, b: tables of the baseline and of the candidate, with a column of values and, if wished, `seed`.
        paired, test, margin, alpha, design: the question, as in `samples.compare_samples`.
        value: name of the column of values.
        where_a, where_b: `column=value` each: use only rows that say so, so that both may be the same file.

    Raises:
        UserError: what is wrong with a table or with the question, in one sentence.
    """
    first, second = _arm(Path(a), where_a, value), _arm(Path(b), where_b, value)
    values_a, values_b = first.numbers(value), second.numbers(value)
    for table, values in ((first, values_a), (second, values_b)):
        _check_copies(table, values, value)
        _check_units(table, values, value)
        _check_spread(table, values, value)
    _check_pair_of_tables(first, values_a, second, values_b, value)
    notes: list[str] = []
    if paired:
        values_a, values_b, notes = _joined(first, values_a, second, values_b)
    elif _has_seeds(first, second):
        notes = _notes_on_seeds(first, second)
    if design == "sequential":
        _check_arrival(first, values_a, second, values_b, paired)
    found = compare_samples(values_a, values_b, paired=paired, test=test, margin=margin, alpha=alpha, design=design)
    return replace(found, notes=(*notes, *found.notes))


def _arm(path: Path, where: Sequence[str], value: str) -> Table:
    table = read_table(path, (value,), least=2)
    for condition in where:
        column, equals, wanted = condition.partition("=")
        if not equals:
            raise UserError(f"'{condition}' is no condition; write column=value")
        table = table.where(column.strip(), wanted, least=2)
    return table


def _check_copies(table: Table, values: Floats, value: str) -> None:
    """Refuse rows, or blocks of rows, that are copies of others: they would count one run twice."""
    for name in (each for each in _NAMES if each in table.columns and each != value):
        seen: dict[tuple[str, float], int] = {}
        for run, number, line in zip(_identities(table, name), values, table.rows, strict=True):
            if run and (run, number) in seen:
                raise UserError(
                    f"{table.path}, line {line}: the run with {name} {shorten(run)} and {value} {number:g} stands on "
                    f"line {seen[run, number]} already; delete the copy"
                )
            seen[run, float(number)] = line
    _check_ties(table, values, value)
    half, odd = divmod(len(values), 2)
    if not odd and half > 2 and np.array_equal(values[:half], values[half:]):
        raise UserError(
            f"{table.path}: from line {table.rows[half]} on, the values of the rows above come again; delete the copies"
        )


def _check_ties(table: Table, values: Floats, value: str) -> None:
    """Refuse equal values that were written with so many digits that chance does not make them equal.

    Of n Gaussian values with the deviation s, written in steps of r, n·(n − 1)/2 · r/(2·√π·s) pairs agree on average.
    """
    ordered = np.argsort(values, kind="stable")
    equal = np.flatnonzero(np.diff(values[ordered]) == 0)
    spread = float(values.std())
    if not len(equal) or not spread:
        return
    step = 10.0 ** -max(decimals(entry) for entry in table.text(value))
    if len(values) * (len(values) - 1) / 2 * step / (2 * math.sqrt(math.pi) * spread) < _CHANCE:
        first, second = sorted((int(ordered[equal[0]]), int(ordered[equal[0] + 1])))
        raise UserError(
            f"{table.path}: {value} is {table.text(value)[first].strip()} on lines {table.rows[first]} and "
            f"{table.rows[second]}, to the last digit; delete the copy, or see whether these runs ignore their seeds"
        )


def _check_spread(table: Table, values: Floats, value: str) -> None:
    if np.ptp(values) == 0:
        raise UserError(
            f"{table.path}: all {len(values)} entries of '{value}' are {values[0]:.6g}: without any spread nothing can "
            f"be said of noise; do the runs ignore their seeds?"
        )


def _check_units(table: Table, values: Floats, value: str) -> None:
    """Refuse a column that falls into two groups, far from each other and each close together."""
    ordered = np.sort(np.abs(values))
    if values.min() < 0 < values.max() or ordered[0] == 0:
        return
    place = int(np.argmax(ordered[1:] / ordered[:-1])) + 1
    low, high = ordered[:place], ordered[place:]
    if high[0] > MOST_APART * low[-1] and high[0] - low[-1] > 3 * max(np.ptp(low), np.ptp(high)):
        lines = [table.rows[int(np.flatnonzero(np.abs(values) == each)[0])] for each in (low[-1], high[0])]
        raise UserError(
            f"{table.path}: '{value}' is {low[-1]:g} on line {lines[0]} and {high[0]:g} on line {lines[1]}, "
            f"{high[0] / low[-1]:.0f} times as much; these are other units, or a run that diverged"
        )


def _check_pair_of_tables(a: Table, values_a: Floats, b: Table, values_b: Floats, value: str) -> None:
    in_order = np.array_equal(values_a, values_b)
    if in_order or (
        len(set(values_a.tolist())) > _MOST_BY_CHANCE and np.array_equal(np.sort(values_a), np.sort(values_b))
    ):
        raise UserError(f"{a.path} and {b.path} hold the same values of '{value}'; is one of them the wrong file?")
    low, high = sorted((float(np.median(values_a)), float(np.median(values_b))), key=abs)
    signs = {*np.sign(values_a), *np.sign(values_b)}
    if len(signs) == 1 and abs(high) > MOST_APART * abs(low):
        raise UserError(
            f"'{value}' is about {np.median(values_a):g} in {a.path} and about {np.median(values_b):g} in {b.path}, a "
            f"factor of {high / low:.0f}; bring both to the same unit"
        )


def _check_arrival(a: Table, values_a: Floats, b: Table, values_b: Floats, paired: bool) -> None:
    """Refuse rows in order of size: they are not in order of arrival, and pairing them so would hide the noise."""
    columns = [(f"{b.path}: the differences", values_b - values_a)] if paired else [
        (f"{a.path}: the rows", values_a), (f"{b.path}: the rows", values_b),
    ]  # fmt: skip
    for what, values in columns:
        steps = np.diff(values)
        if len(values) >= _SORTED and (np.all(steps >= 0) or np.all(steps <= 0)):
            raise UserError(
                f"{what} are sorted by value; a sequential test needs them in order of arrival; use --design fixed if "
                f"that is lost"
            )


def _has_seeds(a: Table, b: Table) -> bool:
    return "seed" in a.columns and "seed" in b.columns


def _identities(table: Table, name: str) -> list[str]:
    """Entries of a column of names; whole numbers written as 3, 3.0 or 03 are the same seed."""
    found: list[str] = []
    for entry in table.text(name):
        text = entry.strip()
        if name == "seed":
            try:
                number = float(text)
                text = str(int(number)) if number == int(number) else text
            except (ValueError, OverflowError):
                pass
        found.append(text)
    return found


def _seeds(table: Table) -> list[str]:
    return _identities(table, "seed")


def _notes_on_seeds(a: Table, b: Table) -> list[str]:
    """What seeds say of samples that are compared as independent ones."""
    notes: list[str] = []
    for table in (a, b):
        for seed, times in Counter(seed for seed in _seeds(table) if seed).most_common(1):
            if times > 1:
                notes.append(f"{table.path}: seed {shorten(seed)} stands {times} times; such runs are not independent.")
    shared = len(set(_seeds(a)) & set(_seeds(b)))
    if shared > 1:
        notes.append(f"The tables share {shared} seeds; where a seed decides much of the noise, --paired is sharper.")
    return notes


def _joined(a: Table, values_a: Floats, b: Table, values_b: Floats) -> tuple[Floats, Floats, list[str]]:
    """Values of both arms pair by pair, in order of arrival, and what there is to note."""
    if not _has_seeds(a, b):
        if len(a) != len(b):
            raise UserError(
                f"{a.path} has {len(a)} rows and {b.path} {len(b)}; pairs need a column 'seed' in both, or one row for "
                f"one row"
            )
        return values_a, values_b, ["Paired by order of rows, for want of a column 'seed' in both tables."]
    places: list[dict[str, int]] = []
    for table in (a, b):
        found: dict[str, int] = {}
        for place, seed in enumerate(_seeds(table)):
            if not seed:
                raise UserError(f"{table.path}, line {table.rows[place]}: the entry is empty, in column 'seed'")
            if seed in found:
                raise UserError(
                    f"{table.path}: seed {shorten(seed)} stands on lines {table.rows[found[seed]]} and "
                    f"{table.rows[place]}; pairs need each seed once"
                )
            found[seed] = place
        places.append(found)
    shared = [seed for seed in places[0] if seed in places[1]]
    if len(shared) < 2:
        raise UserError(
            f"{a.path} and {b.path} share {'one seed' if shared else 'no seed'}; pairs need at least two in both"
        )
    shared.sort(key=lambda seed: max(places[0][seed], places[1][seed]))
    notes: list[str] = []
    for table, own, other in ((a, places[0], places[1]), (b, places[1], places[0])):
        alone = [seed for seed in own if seed not in other]
        if alone:
            named = ", ".join(alone[:_MOST_NAMED]) + (" …" if len(alone) > _MOST_NAMED else "")
            notes.append(f"Without a partner and left out: {len(alone)} seeds of {table.path} ({shorten(named, 120)}).")
    pick_a, pick_b = ([own[seed] for seed in shared] for own in places)
    return values_a[pick_a], values_b[pick_b], notes
