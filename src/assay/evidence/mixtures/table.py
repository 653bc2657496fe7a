"""Tables of mixtures: which columns are the weights, and are they what a regression needs?

Weights are found, not named: numeric columns of which every row adds up to one (or to 100, for per cent). An index,
other losses, a column of zeros or of one constant value must not mislead that search, and rounding must not end it.
"""

import fnmatch
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assay.evidence.tables import Table, decimals
from assay.spec.errors import UserError

Floats = NDArray[np.float64]

#: What weights may add up to: shares or per cent.
TOTALS = (1.0, 100.0)
#: Relative deviation of a row's sum that is always taken for rounding.
LEAST_TOLERANCE = 0.005
#: Relative deviation of a row's sum that never is.
MOST_TOLERANCE = 0.05
#: A set of columns with a common beginning of names may be off by 1/ALIKE times as much as another and still win.
ALIKE = 0.3
#: Fewest rows that a regression is fitted to.
LEAST_ROWS = 4
#: Losses of one kind never leave out this factor between two neighbouring values; other units do.
MOST_APART = 30.0


@dataclass(frozen=True, slots=True)
class MixtureTable:
    """Mixtures and what they led to."""

    source: str
    domains: tuple[str, ...]
    weights: Floats
    """Shape (rows, domains); every row adds up to one."""
    targets: Mapping[str, Floats]
    """Measured values by name, shape (rows,) each."""
    notes: tuple[str, ...]
    """What was done to the table, in sentences."""


def training_table(
    table: Table, targets: Sequence[str], weights: str | None = None, losses: Table | None = None, on: str = "index"
) -> MixtureTable:
    """Read mixtures and measured values from a table, or from two that share a key.

    Args:
        table: holds the weights, and the targets unless `losses` does.
        targets: names of the columns to predict; `*` and `?` match as in file names.
        weights: names of the weight columns in the same way; found by their sums if left out.
        losses: a second table, joined row by row on the column `on`.

    Raises:
        UserError: a column is missing, an entry is no finite number, weights are negative or do not add up to one,
            too few rows, rows that are copies of others, or a target that never varies or has mixed units.
    """
    notes: list[str] = []
    if losses is not None:
        table = join(table, losses, on, notes)
    names = _targets(table, targets)
    others = [name for name in table.columns if name not in names and not (losses is not None and name == on)]
    domains = find_domains(table, others) if weights is None else named_domains(table, others, weights)
    shares = shares_of(table, domains)
    measured = {name: table.numbers(name) for name in names}
    _check_copies(table, shares, measured)
    if len(shares) < LEAST_ROWS:
        found = "one row" if len(shares) == 1 else f"{len(shares)} rows"
        raise UserError(f"{table.path}: {found}; at least {LEAST_ROWS} are needed to fit anything")
    for name, values in measured.items():
        if np.ptp(values) == 0:
            raise UserError(
                f"{table.path}: '{name}' is {values[0]:g} in every row, so there is nothing to predict; choose another "
                f"--target"
            )
        _check_units(table, name, values)
    if not np.any(np.ptp(shares, axis=0) > 0):
        raise UserError(f"{table.path}: every row has the same mixture, so nothing can be learned about other ones")
    repeated = len(shares) - len(np.unique(shares.round(9), axis=0))
    if repeated:
        notes.append(f"{repeated} rows repeat a mixture with another result and tell the noise directly")
    never = [name for name, column in zip(domains, shares.T, strict=True) if not column.any()]
    if never:
        notes.append(f"never above zero, so nothing is known about {', '.join(never)}")
    return MixtureTable(str(table.path), tuple(domains), shares, measured, tuple(notes))


def join(left: Table, right: Table, on: str, notes: list[str]) -> Table:
    """Rows of both tables that have the same entry in the column `on`, in the order of the left one.

    Raises:
        UserError: no such column, a key that stands twice, a column that both have, or no key in common.
    """
    places: list[dict[str, int]] = []
    for table in (left, right):
        keys = [_key(entry) for entry in table.text(on)]
        doubled = next((place for place, key in enumerate(keys) if key in keys[:place]), None) if (
            len(set(keys)) < len(keys)
        ) else None  # fmt: skip
        if doubled is not None:
            raise UserError(
                f"{table.path}, line {table.rows[doubled]}: '{keys[doubled]}' stands a second time in column '{on}', "
                f"so rows cannot be joined by it"
            )
        places.append({key: place for place, key in enumerate(keys)})
    shared = [name for name in right.columns if name != on and name in left.columns]
    if shared:
        raise UserError(f"{left.path} and {right.path} both have a column '{shared[0]}'; rename or remove one")
    keys = [key for key in places[0] if key in places[1]]
    if not keys:
        raise UserError(f"{left.path} and {right.path} have no entry of column '{on}' in common")
    lost = [len(one) - len(keys) for one in places]
    if any(lost):
        notes.append(f"left out, without a partner by '{on}': {lost[0]} rows of {left.path}, {lost[1]} of {right.path}")
    columns = {name: tuple(column[places[0][key]] for key in keys) for name, column in left.columns.items()}
    columns |= {name: tuple(column[places[1][key]] for key in keys) for name, column in right.columns.items()
                if name != on}  # fmt: skip
    return Table(left.path, columns, tuple(left.rows[places[0][key]] for key in keys))


def _key(entry: str) -> str:
    """One spelling for 7, 7.0 and ' 7'."""
    try:
        value = float(entry)
    except ValueError:
        return entry.strip()
    return str(int(value)) if value.is_integer() else repr(value)


def _targets(table: Table, patterns: Sequence[str]) -> list[str]:
    names: list[str] = []
    for pattern in patterns:
        found = [pattern] if pattern in table.columns else fnmatch.filter(table.columns, pattern)
        if not found:
            table.text(pattern)  # says which columns there are
        names += [name for name in found if name not in names]
    if not names:
        raise UserError("name at least one column to predict with --target")
    return names


# ------------------------------------------------------------------------------------------ which are weights


def named_domains(table: Table, names: Sequence[str], pattern: str) -> list[str]:
    """The columns among `names` that match a pattern. Raises `UserError` if they are fewer than two."""
    domains = fnmatch.filter(names, pattern)
    if len(domains) < 2:
        found = f"only '{domains[0]}'" if domains else "no column"
        raise UserError(
            f"{table.path}: --weights '{pattern}' matches {found}, and a mixture has at least two domains; the columns "
            f"are: {', '.join(table.columns)}"
        )
    return domains


def find_domains(table: Table, names: Sequence[str]) -> list[str]:
    """The columns among `names` that are mixture weights: every row of them adds up to one, or to 100.

    Tried are all numeric columns, those that share a beginning of their names, runs of neighbouring columns, and the
    subset that least squares points to. Of the sets within what rounding explains the closest one is taken, with
    some favour for a common beginning. Constant columns count only where the rest needs them. Columns of
    zeros are domains where they stand among the domains or are named like them.

    Raises:
        UserError: no set of columns adds up; says which comes nearest.
    """
    numeric = {name: column for name in names if (column := _finite(table, name)) is not None}
    zero = [name for name, column in numeric.items() if not column.any()]
    nearest: tuple[float, list[str], Floats] | None = None
    for constants in (False, True):
        for total in TOTALS:
            pool = [name for name, column in numeric.items() if _may_be_weight(column, total, constants)]
            accepted: list[tuple[float, list[str]]] = []
            for chosen in _candidates(pool, numeric, total):
                sums = _sums(numeric, chosen)
                off = np.abs(sums / total - 1)
                if off.max() <= _tolerance(table, chosen, total):
                    favour = ALIKE if _common_beginning(chosen) else 1.0
                    accepted.append((favour * float(np.sqrt(np.mean(off**2))), chosen))
                if nearest is None or off.max() < nearest[0]:
                    nearest = float(off.max()), chosen, sums
            if accepted:
                least = min(off for off, _ in accepted)
                # Of sets that differ in the last bits only, the largest.
                best = max((chosen for off, chosen in accepted if off <= least + 1e-9), key=len)
                return _with_zeros(list(names), best, zero)
    broken = [name for name in names if name not in numeric and _mostly_numbers(table, name)]
    if broken:
        table.numbers(broken[0])  # says what is wrong with it
    if nearest is None:
        raise UserError(
            f"{table.path}: there are no two numeric columns between 0 and 1 besides the target, so no mixture "
            f"weights; the columns are: {', '.join(table.columns)}"
        )
    _, chosen, sums = nearest
    total = min(TOTALS, key=lambda total: float(np.abs(sums / total - 1).max()))
    worst = table.rows[int(np.abs(sums - total).argmax())]
    raise UserError(
        f"{table.path}: no set of columns adds up to 1 in every row; nearest come {_listed(chosen)}, which add up to "
        f"{sums.min():.4g} to {sums.max():.4g} (line {worst} is farthest off); correct the rows, or name the columns "
        f"with --weights"
    )


def _may_be_weight(column: Floats, total: float, constants: bool) -> bool:
    """Whether a column can be one of several weights: within the total, and not constant unless that is asked for."""
    if np.abs(column).max() > total * (1 + LEAST_TOLERANCE):
        return False
    if np.ptp(column) > 0:
        return True
    return constants and 0 < abs(column[0]) < total * (1 - LEAST_TOLERANCE)


def _candidates(names: Sequence[str], numeric: Mapping[str, Floats], total: float) -> list[list[str]]:
    """Sets of columns that may be the weights, likeliest first."""
    if len(names) < 2:
        return []
    found = [list(names)]
    found += sorted(_named_alike(names), key=len, reverse=True)
    matrix = _matrix(numeric, names)
    # A run's sums are differences of cumulative sums: all runs of one length are judged at once.
    running = np.concatenate([np.zeros((len(matrix), 1)), np.cumsum(matrix, axis=1)], axis=1)
    for length in range(len(names) - 1, 1, -1):
        off = np.abs((running[:, length:] - running[:, :-length]) / total - 1).max(axis=0)
        start = int(off.argmin())
        if off[start] <= MOST_TOLERANCE:
            found.append(list(names[start : start + length]))
    if len(matrix) >= len(names):
        solution = np.linalg.lstsq(matrix, np.full(len(matrix), total), rcond=None)[0]
        chosen = [name for name, share in zip(names, solution, strict=True) if share > 0.5]
        if len(chosen) >= 2:
            found.append(chosen)
    return found


def _named_alike(names: Sequence[str]) -> list[list[str]]:
    """Groups of names with a common beginning that ends in a separator."""
    groups: dict[str, list[str]] = {}
    for name in names:
        for place, letter in enumerate(name[:-1]):
            if letter in "_/.-: ":
                groups.setdefault(name[: place + 1], []).append(name)
    return [group for group in groups.values() if 2 <= len(group) < len(names)]


def _with_zeros(order: Sequence[str], chosen: Sequence[str], zero: Sequence[str]) -> list[str]:
    """The chosen columns and those columns of zeros that stand among them or are named like all of them."""
    places = [order.index(name) for name in chosen]
    common = _common_beginning(chosen)
    kept = {
        name for name in zero
        if (common and name.startswith(common)) or min(places) < order.index(name) < max(places)
    }  # fmt: skip
    return [name for name in order if name in kept or name in set(chosen)]


def _common_beginning(names: Sequence[str]) -> str:
    first, last = min(names), max(names)
    place = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:place]


def _finite(table: Table, name: str) -> Floats | None:
    """A column as numbers; None if an entry is none, or not finite."""
    try:
        return table.numbers(name)
    except UserError:
        return None


def _mostly_numbers(table: Table, name: str) -> bool:
    """Whether a column with a broken entry was meant to be numbers."""
    good = 0
    for entry in table.text(name):
        try:
            good += math.isfinite(float(entry))
        except ValueError:
            continue
    return 2 * good >= len(table)


def _matrix(numeric: Mapping[str, Floats], names: Sequence[str]) -> Floats:
    return np.column_stack([numeric[name] for name in names])


def _sums(numeric: Mapping[str, Floats], names: Sequence[str]) -> Floats:
    return np.asarray(_matrix(numeric, names).sum(axis=1))


def _tolerance(table: Table, names: Sequence[str], total: float) -> float:
    """Relative deviation from the total that rounding of the entries can explain."""
    finest = max(decimals(entry) for name in names for entry in table.columns[name])
    # A rounded entry is off by up to half a unit: a deviation of 1/√12 units; the sum is within four of its own.
    rounding = 10.0**-finest * math.sqrt(len(names) / 12)
    return min(MOST_TOLERANCE, max(LEAST_TOLERANCE, 4 * rounding / total))


def _listed(names: Sequence[str], most: int = 4) -> str:
    """A few names, then how many more."""
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


# ---------------------------------------------------------------------------------------------- shares, copies


def shares_of(table: Table, domains: Sequence[str]) -> Floats:
    """The named columns as shares that add up to exactly one, shape (rows, domains). Their order in the file is free.

    Raises:
        UserError: a column is missing, a weight is no finite number or negative, or a row adds up to neither 1 nor 100.
    """
    missing = [name for name in domains if name not in table.columns]
    if missing:
        raise UserError(
            f"{table.path}: there is no column '{missing[0]}'"
            + (f" (and {len(missing) - 1} more of the {len(domains)} domains are missing)" if len(missing) > 1 else "")
            + f"; the columns are: {_listed(list(table.columns), 8)}"
        )
    matrix = np.column_stack([table.numbers(name) for name in domains])
    below = np.argwhere(matrix < -1e-9)  # what lies closer to zero is a difference's rounding
    if len(below):
        row, column = (int(place) for place in below[0])
        raise UserError(
            f"{table.path}, line {table.rows[row]}: the weight of '{domains[column]}' is {matrix[row, column]:g}; "
            f"weights are zero or more"
        )
    matrix = np.maximum(matrix, 0)
    sums = np.asarray(matrix.sum(axis=1))
    total = 100.0 if np.median(sums) > 10 else 1.0
    off = np.abs(sums / total - 1)
    worst = int(off.argmax())
    if off[worst] > _tolerance(table, domains, total):
        raise UserError(
            f"{table.path}, line {table.rows[worst]}: the weights of the {len(domains)} domains add up to "
            f"{sums[worst]:.4g}; {total:g} was expected"
        )
    return matrix / sums[:, None]


def _check_copies(table: Table, shares: Floats, measured: Mapping[str, Floats]) -> None:
    """Refuse rows that repeat another in mixture and every result: one run listed twice would hide the noise.

    Rows whose column `seed` differs are repeats, whose results may agree to the digits that are written.
    """
    seeds = [entry.strip() for entry in table.columns.get("seed", ("",) * len(table))]
    seen: dict[tuple[object, ...], int] = {}
    for line, seed, row in zip(table.rows, seeds, np.column_stack([shares, *measured.values()]).tolist(), strict=True):
        key = (seed, *row)
        if key in seen:
            raise UserError(
                f"{table.path}: lines {seen[key]} and {line} are the same run, equal in mixture and results; keep each "
                f"run once, or tell repeats apart in a column 'seed'"
            )
        seen[key] = line


def _check_units(table: Table, name: str, values: Floats) -> None:
    """Refuse a target whose values fall apart into two units."""
    order = np.argsort(values)
    if values[order[0]] <= 0:
        return
    ratios = values[order][1:] / values[order][:-1]
    if ratios.max() > MOST_APART:
        low, high = order[ratios.argmax()], order[ratios.argmax() + 1]
        raise UserError(
            f"{table.path}: '{name}' jumps from {values[low]:g} (line {table.rows[low]}) to {values[high]:g} (line "
            f"{table.rows[high]}) with nothing between; is it in mixed units?"
        )


def domain_table(path: Path, table: Table) -> tuple[list[str], Floats] | None:
    """Domains and their shares from a table with the columns `domain` and `tokens`; None if it is not one."""
    if not {"domain", "tokens"} <= set(table.columns):
        return None
    names = [name.strip() for name in table.text("domain")]
    if len(set(names)) < len(names):
        raise UserError(f"{path}: a domain is listed twice")
    tokens = table.numbers("tokens", positive=True)
    return names, tokens / tokens.sum()
