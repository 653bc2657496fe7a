"""Chinchilla's second approach: at each compute budget a parabola in log params, whose lowest point is the best size.

Hoffmann et al. 2022, section 3.2. Over the budgets the best size grows as a power of compute.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.evidence.scaling.law import student_stretch
from assay.evidence.scaling.runs import Runs
from assay.spec.errors import UserError

Floats = NDArray[np.float64]

#: Runs whose compute differs by less than this belong to one budget.
SAME_BUDGET = 0.15
#: Fewest different sizes for a parabola.
_FEWEST_SIZES = 3
_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Budget:
    """One compute budget."""

    flops: float
    runs: int
    params: float | None
    """Best number of parameters; None where the runs do not show a minimum."""
    lo: float | None
    hi: float | None
    """95% interval; None where it reaches beyond the sizes that were run."""
    tokens: float | None
    loss: float | None
    """At the best size."""
    note: str


@dataclass(frozen=True, slots=True)
class IsoFlop:
    """Best sizes over budgets."""

    budgets: tuple[Budget, ...]
    exponent: float | None
    """The best params grow as compute to this power; None with fewer than two budgets that show a minimum."""
    lo: float | None
    hi: float | None
    note: str


def isoflop(runs: Runs, seed: int = 0) -> IsoFlop:
    """Best sizes, with 95% intervals from the scatter about the parabolas, pooled over the budgets.

    The interval of a minimum is the share of drawn parabolas; a draw that has its minimum outside the sizes that were
    run, or none, counts as beyond on both sides, so that an interval with an end holds at least 95% of all draws.

    Raises:
        UserError: no budget has three sizes.
    """
    groups = budgets(runs.flops)
    usable = [at for at in groups if len(np.unique(runs.params[at])) >= _FEWEST_SIZES]
    if not usable:
        raise UserError(
            f"{runs.name}: no compute budget was run at {_FEWEST_SIZES} sizes or more; runs whose flops differ by less "
            f"than {SAME_BUDGET:.0%} share a budget"
        )
    squares, free = 0.0, 0
    fits: list[tuple[Floats, Floats]] = []
    for at in usable:
        x = np.log(runs.params[at])
        columns = np.stack([np.ones(len(at)), x - x.mean(), (x - x.mean()) ** 2], axis=1)
        y = np.log(runs.loss[at])
        solved: Floats = np.asarray(np.linalg.pinv(columns) @ y, dtype=float)
        squares += float(((y - columns @ solved) ** 2).sum())
        free += len(at) - 3
        fits.append((columns, solved))
    deviation = float(np.sqrt(squares / free)) * student_stretch(free, free) if free else None
    rng = np.random.default_rng(seed)
    found: list[Budget] = []
    logs: list[tuple[float, float, Floats | None]] = []
    for at, (columns, solved) in zip(usable, fits, strict=True):
        x = np.log(runs.params[at])
        flops = float(np.exp(np.log(runs.flops[at]).mean()))
        best = _minimum(solved[None], x)[0]
        if np.isnan(best):
            edge = "smallest" if _slope(solved, x) > 0 else "largest"
            why = f"not bracketed: the loss is least at the {edge} size that was run"
            if solved[2] <= 0:
                why = "no minimum: the losses do not bend upwards"
            found.append(Budget(flops, len(at), None, None, None, None, None, why))
            continue
        draws = None
        if deviation is not None:
            noise = deviation * rng.standard_normal((_RESAMPLES, len(at)))
            draws = _minimum(solved + noise @ np.asarray(np.linalg.pinv(columns)).T, x)
        low, high, note = _ends(draws)
        # C = 6·N·D in the table's own proportion.
        scale = float(np.exp(np.log(runs.params[at] * runs.tokens[at]).mean()))
        loss = float(np.exp(solved @ np.array([1, best - x.mean(), (best - x.mean()) ** 2])))
        params = float(np.exp(best))
        found.append(Budget(flops, len(at), params, low, high, scale / params, loss, note))
        logs.append((float(np.log(flops)), float(best), draws if low is not None and high is not None else None))
    for at in groups:
        if not any(at is other for other in usable):
            few = len(np.unique(runs.params[at]))
            why = f"{few} size{'s' if few > 1 else ''}: a parabola needs {_FEWEST_SIZES}"
            found.append(Budget(float(runs.flops[at].mean()), len(at), None, None, None, None, None, why))
    found.sort(key=lambda budget: budget.flops)
    return IsoFlop(tuple(found), *_exponent(logs))


def budgets(flops: Floats) -> list[NDArray[np.intp]]:
    """Places of the runs of each budget: neighbours in compute that differ by less than 15%, and by 30% in all."""
    order: list[int] = np.argsort(flops, kind="stable").tolist()
    found: list[list[int]] = []
    for i in order:
        near = bool(found) and flops[i] <= (1 + SAME_BUDGET) * flops[found[-1][-1]]
        if near and flops[i] <= (1 + 2 * SAME_BUDGET) * flops[found[-1][0]]:
            found[-1].append(i)
        else:
            found.append([i])
    return [np.array(members, dtype=np.intp) for members in found]


def _minimum(parabolas: Floats, x: Floats) -> Floats:
    """Log params of the minima inside the sizes run; NaN where there is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        best = x.mean() - parabolas[:, 1] / (2 * parabolas[:, 2])
    inside = (parabolas[:, 2] > 0) & (best > x.min()) & (best < x.max())
    return np.where(inside, best, np.nan)


def _slope(parabola: Floats, x: Floats) -> float:
    """Of the loss, in the middle of the sizes run."""
    return float(parabola[1] + 2 * parabola[2] * ((x.max() + x.min()) / 2 - x.mean()))


def _ends(draws: Floats | None) -> tuple[float | None, float | None, str]:
    if draws is None:
        return None, None, "three sizes: no interval"
    lost = np.isnan(draws)
    low = float(np.quantile(np.where(lost, -np.inf, draws), 0.025, method="lower"))
    high = float(np.quantile(np.where(lost, np.inf, draws), 0.975, method="higher"))
    lo, hi = (None if np.isinf(end) else float(np.exp(end)) for end in (low, high))
    return lo, hi, "" if lo is not None and hi is not None else "the interval reaches beyond the sizes that were run"


def _exponent(logs: list[tuple[float, float, Floats | None]]) -> tuple[float | None, float | None, float | None, str]:
    sure = [each for each in logs if each[2] is not None]
    used = sure if len(sure) >= 2 else logs
    if len(used) < 2:
        return None, None, None, "fewer than two budgets show a minimum: no exponent"
    x = np.array([flops for flops, _, _ in used])
    weight = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    value = float(np.array([best for _, best, _ in used]) @ weight)
    draws = [mine for _, _, mine in used if mine is not None]
    if len(draws) < len(used):
        return value, None, None, "no interval: fewer than two budgets have a minimum with an interval"
    slopes = np.stack(draws, axis=1) @ weight
    lost = np.isnan(slopes)
    low = float(np.quantile(np.where(lost, -np.inf, slopes), 0.025, method="lower"))
    high = float(np.quantile(np.where(lost, np.inf, slopes), 0.975, method="higher"))
    note = f"from the {len(used)} budgets whose minimum has an interval"
    if np.isinf(low) or np.isinf(high):
        return value, None, None, f"{note}; no interval: too many draws lose the minimum of some budget"
    return value, low, high, note if len(used) > 2 else f"{note}: whether a power law holds is not tested"
