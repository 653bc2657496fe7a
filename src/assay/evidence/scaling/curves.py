"""Loss–compute tables: runs of one recipe at several computes, some of them repeated."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.evidence.scaling.runs import LOSS_GAP, check_copies, check_falls, check_flops, check_gap, sizes
from assay.evidence.tables import decimals, read_table
from assay.spec.errors import UserError

Floats = NDArray[np.float64]

#: Runs whose compute differs by less than this are repeats at one scale.
SAME_COMPUTE = 0.02
#: Neighbouring computes further apart than this are in different units.
_GAP = 1e5


@dataclass(frozen=True, slots=True)
class Point:
    """The runs at one scale."""

    flops: float
    losses: tuple[float, ...]
    seeds: tuple[str, ...] | None
    """None: the table names no seeds."""

    @property
    def mean(self) -> float:
        return sum(self.losses) / len(self.losses)


@dataclass(frozen=True, slots=True)
class Curve:
    """Mean loss against compute, with the runs behind it, from the least compute to the most."""

    name: str
    points: tuple[Point, ...]

    @property
    def flops(self) -> Floats:
        return np.array([point.flops for point in self.points])

    @property
    def means(self) -> Floats:
        return np.array([point.mean for point in self.points])

    @property
    def counts(self) -> NDArray[np.intp]:
        return np.array([len(point.losses) for point in self.points])

    @staticmethod
    def of(flops: Any, loss: Any, seeds: Sequence[Any] | None = None, name: str = "runs") -> "Curve":
        """A curve from arrays, checked as a table is. Lines are counted from 1.

        Raises:
            UserError: as `read_curve`.
        """
        values = np.asarray(loss, dtype=float)
        named = None if seeds is None else tuple(str(seed) for seed in seeds)
        return _checked(name, tuple(range(1, len(values) + 1)), np.asarray(flops, dtype=float), values, named)


def read_curve(path: Path, one_recipe: bool = True) -> Curve:
    """Read a loss–compute table: columns loss and flops, or loss, params and tokens; optionally seed.

    Args:
        path: the table.
        one_recipe: whether runs of equal compute are repeats, whose seeds differ; else they are anything.

    Raises:
        UserError: what is wrong with the table, in one sentence.
    """
    table = read_table(path, ("loss",), least=2)
    loss = sizes(table, "loss")
    both = {"params", "tokens"} <= set(table.columns)
    if "flops" not in table.columns and not both:
        raise UserError(f"{path}: compute is missing: a column 'flops' is needed, or 'params' and 'tokens'")
    if both:
        params, tokens = sizes(table, "params"), sizes(table, "tokens")
        check_gap(str(path), "params", table.rows, params)
        check_gap(str(path), "tokens", table.rows, tokens)
        if "flops" in table.columns:
            check_flops(str(path), table.rows, sizes(table, "flops"), params, tokens)
        flops = sizes(table, "flops") if "flops" in table.columns else 6 * params * tokens
    else:
        flops = sizes(table, "flops")
    return _checked(str(path), table.rows, flops, loss, table.columns.get("seed") if one_recipe else None)


def _checked(name: str, lines: Sequence[int], flops: Floats, loss: Floats, seeds: Sequence[str] | None) -> Curve:
    check_gap(name, "flops", lines, flops, _GAP)
    check_gap(name, "losses", lines, loss, LOSS_GAP)
    columns: dict[str, Sequence[Any]] = {"flops": flops.tolist(), "loss": loss.tolist()}
    check_copies(name, lines, columns | ({} if seeds is None else {"seed": seeds}))
    order = np.argsort(flops, kind="stable")
    breaks = np.flatnonzero(np.diff(np.log(flops[order])) > SAME_COMPUTE) + 1
    points: list[Point] = []
    for members in np.split(order, breaks):
        at: list[int] = members.tolist()
        mine = None if seeds is None else tuple(seeds[i].strip() for i in at)
        if mine is not None and len(set(mine)) < len(mine):
            twice = next(i for n, i in enumerate(at) if mine[n] in mine[:n])
            raise UserError(
                f"{name}, line {lines[twice]}: seed {seeds[twice] if seeds else ''} is there twice at {flops[twice]:g} "
                f"FLOPs; keep each run once"
            )
        points.append(Point(float(flops[members].mean()), tuple(float(loss[i]) for i in at), mine))
    _check_seeds(name, points)
    curve = Curve(name, tuple(points))
    if len(points) > 1:
        check_falls(name, curve.flops, curve.means)
    return curve


def _check_seeds(name: str, points: Sequence[Point]) -> None:
    """Refuse two seeds with the same losses at three computes or more, unless rounding makes most losses equal."""
    curves: dict[str, dict[float, float]] = {}
    for point in points:
        for seed, loss in zip(point.seeds or (), point.losses, strict=False):
            curves.setdefault(seed, {})[point.flops] = loss
    names = list(curves)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            shared = curves[first].keys() & curves[second].keys()
            written = max((decimals(repr(curves[first][flops])) for flops in shared), default=0)
            if len(shared) >= 3 and written > 3 and all(curves[first][c] == curves[second][c] for c in shared):
                raise UserError(
                    f"{name}: seeds {first} and {second} have the same losses at all {len(shared)} computes; delete "
                    f"the copy, or see whether the runs ignore their seeds"
                )


def check_pair(base: Curve, new: Curve) -> list[str]:
    """Refuse two tables that are no two measurements of two recipes.

    Returns:
        What is suspicious without being surely wrong, as sentences.

    Raises:
        UserError: the same curve twice, or other units in one table than in the other.
    """
    if len(base.points) < 2:
        raise UserError(
            f"{base.name}: all runs have the same compute, {base.flops[0]:.4g} FLOPs; a curve needs two or more"
        )
    rows = [{(point.flops, loss) for point in curve.points for loss in point.losses} for curve in (base, new)]
    shared = rows[0] & rows[1]
    if len(shared) >= 2 and 2 * len(shared) >= min(len(rows[0]), len(rows[1])):
        raise UserError(
            f"{base.name} and {new.name} hold the same curve: {len(shared)} runs are equal in compute and loss; "
            f"a copy cannot be compared with itself"
        )
    gap = max(base.flops.min() / new.flops.max(), new.flops.min() / base.flops.max())
    if gap > 300:
        raise UserError(
            f"{base.name} and {new.name} are in different units of compute: {base.flops.min():.3g} to "
            f"{base.flops.max():.3g} and {new.flops.min():.3g} to {new.flops.max():.3g} FLOPs"
        )
    apart = max(base.means.min() / new.means.max(), new.means.min() / base.means.max())
    if apart > 1.3:
        raise UserError(
            f"the losses of {base.name} ({base.means.min():.4g} to {base.means.max():.4g}) and {new.name} "
            f"({new.means.min():.4g} to {new.means.max():.4g}) do not overlap; are both in the same unit, "
            f"on the same text?"
        )
    losses = [{loss for point in curve.points for loss in point.losses} for curve in (base, new)]
    same = losses[0] & losses[1]
    if len(same) >= 2 and 2 * len(same) >= min(len(losses[0]), len(losses[1])):
        return [f"{len(same)} losses are in both tables, at other computes: one curve may be a copy of the other"]
    return []
