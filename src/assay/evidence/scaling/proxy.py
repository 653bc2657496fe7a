"""Are small runs a good proxy for large ones: do they rank recipes alike?

Rank agreement (Spearman, Kendall) and decision accuracy, the share of pairs of recipes that the small runs order as the
large ones do (Magnusson et al. 2025, "DataDecide: How to Predict Best Pretraining Data with Small Experiments"), with
95% intervals of a bootstrap over recipes. Where recipes were run with several seeds, pairs within the noise are told
apart from the others, and the agreement that the noise alone would allow is stated.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assay.evidence.scaling.runs import LOSS_GAP, check_gap
from assay.evidence.tables import read_table
from assay.spec.errors import UserError

Floats = NDArray[np.float64]

FEWEST = 4
TOPS = (1, 3, 5)
_NAMES = ("recipe", "name", "index", "run", "id")
_RESAMPLES = 1000
#: Standard errors of a difference beyond which two recipes are no tie.
_BEYOND_NOISE = 2.0


@dataclass(frozen=True, slots=True)
class Share:
    """A number with its 95% interval."""

    value: float
    lo: float
    hi: float


@dataclass(frozen=True, slots=True)
class Proxy:
    """How well small runs stand for large ones."""

    recipes: int
    spearman: Share
    kendall: Share
    decision_accuracy: Share
    """Share of pairs of recipes ordered alike; a tie counts half."""
    decision_accuracy_beyond_noise: float | None
    """The same over pairs whose large runs differ by more than two standard errors; None without repeats."""
    pairs_beyond_noise: int | None
    regret: Mapping[str, float]
    """For each k: how much worse, in the large runs' loss, the best of the small runs' k best is than the best."""
    noise_ceiling: float | None
    """Spearman that the seeds' noise would leave to a perfect proxy; None without repeats."""


def read_losses(path: Path, on: str | None = None, loss: str = "loss") -> dict[str, list[float]]:
    """Losses by recipe.

    Args:
        path: the table.
        on: column that names the recipe; recipe, name, index, run or id if left out.
        loss: column of the losses.

    Raises:
        UserError: what is wrong with the table, in one sentence.
    """
    table = read_table(path, (loss,), least=2)
    column = on or next((name for name in _NAMES if name in table.columns), None)
    if column is None:
        raise UserError(f"{path}: which column names the recipe? Say so with --on; the columns are: "
                        f"{', '.join(table.columns)}")  # fmt: skip
    found: defaultdict[str, list[float]] = defaultdict(list)
    values = table.numbers(loss)
    if values.min() > 0:
        check_gap(str(path), "losses", table.rows, values, LOSS_GAP)
    seeds = table.columns.get("seed") if column != "seed" else None
    seen: set[tuple[str, float, str]] = set()
    for place, (line, name, value) in enumerate(zip(table.rows, table.text(column), values.tolist(), strict=True)):
        run = (name.strip(), value, seeds[place].strip() if seeds else "")
        if run in seen:
            raise UserError(f"{path}, line {line}: recipe '{name.strip()}' has the loss {value:g} twice; keep each run "
                            f"once, or tell repeats apart in a column 'seed'")  # fmt: skip
        seen.add(run)
        found[name.strip()].append(value)
    return dict(found)


def proxy(small: Mapping[str, Sequence[float]], large: Mapping[str, Sequence[float]], seed: int = 0) -> Proxy:
    """How well the small runs rank the recipes that both tables hold.

    Raises:
        UserError: fewer than four recipes in common, constant losses, or the same losses in both.
    """
    names = sorted(small.keys() & large.keys())
    if len(names) < FEWEST:
        raise UserError(f"{len(names)} recipes are in both tables; at least {FEWEST} are needed")
    x, y = (np.array([sum(losses[name]) / len(losses[name]) for name in names]) for losses in (small, large))
    for values, which in ((x, "small"), (y, "large")):
        if np.ptp(values) == 0:
            raise UserError(f"the {which} runs' losses are constant: there is nothing to rank")
    if np.array_equal(x, y):
        raise UserError("both tables hold the same losses: a copy says nothing about scale")
    agree = _agreement(x, y)
    upper = np.triu_indices(len(names), 1)
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, len(names), (_RESAMPLES, len(names)))
    found = np.array([_numbers(x[at], y[at], agree[np.ix_(at, at)], at) for at in draws])
    values = _numbers(x, y, agree, np.arange(len(names)))
    shares = [
        Share(value, float(np.nanquantile(found[:, i], 0.025)), float(np.nanquantile(found[:, i], 0.975)))
        for i, value in enumerate(values)
    ]
    variances = [_variance(losses, names) for losses in (small, large)]
    clear = accuracy = None
    if variances[1] is not None:
        error = np.sqrt([variances[1] / len(large[name]) for name in names])
        gap = np.abs(np.subtract.outer(y, y)) / np.maximum(np.hypot.outer(error, error), 1e-300)
        beyond = gap[upper] > _BEYOND_NOISE
        clear = int(beyond.sum())
        accuracy = float(agree[upper][beyond].mean()) if clear else None
    return Proxy(
        len(names), shares[0], shares[1], shares[2], accuracy, clear, _regret(x, y),
        _ceiling(small, large, names, variances),
    )  # fmt: skip


def _agreement(x: Floats, y: Floats) -> Floats:
    """1 for a pair ordered alike, 0 for one ordered the other way round, a half for a tie."""
    return 0.5 + 0.5 * np.sign(np.subtract.outer(x, x)) * np.sign(np.subtract.outer(y, y))


def _numbers(x: Floats, y: Floats, agree: Floats, at: NDArray[np.intp]) -> tuple[float, float, float]:
    """Spearman, Kendall (tau-b) and the share of pairs ordered alike; a recipe is not paired with its own copy."""
    rank_x, rank_y = ranks(x), ranks(y)
    spread = rank_x.std() * rank_y.std()
    rho = float(((rank_x - rank_x.mean()) * (rank_y - rank_y.mean())).mean() / spread) if spread else np.nan
    apart = np.not_equal.outer(at, at)
    signs = 2 * agree - 1
    ties = [np.equal.outer(values, values) for values in (x, y)]
    pairs = [float((apart & ~tie).sum()) for tie in ties]
    tau = float(signs[apart].sum() / np.sqrt(pairs[0] * pairs[1])) if min(pairs) else np.nan
    return rho, tau, float(agree[apart].mean()) if apart.any() else np.nan


def ranks(values: Floats) -> Floats:
    """Ranks from 1, ties at their mean."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]


def _variance(losses: Mapping[str, Sequence[float]], names: Sequence[str]) -> float | None:
    """Variance between seeds, pooled over the recipes; None without repeats."""
    free = sum(len(losses[name]) - 1 for name in names)
    if not free:
        return None
    return sum(float(np.var(losses[name])) * len(losses[name]) for name in names) / free


def _regret(x: Floats, y: Floats) -> dict[str, float]:
    order = np.argsort(x, kind="stable")
    return {f"top_{k}": float(y[order[:k]].min() - y.min()) for k in TOPS if k < len(x)}


def _ceiling(
    small: Mapping[str, Sequence[float]],
    large: Mapping[str, Sequence[float]],
    names: Sequence[str],
    variances: Sequence[float | None],
) -> float | None:
    """√(reliability of the small means × reliability of the large means) (Spearman 1904)."""
    product = 1.0
    for losses, variance in zip((small, large), variances, strict=True):
        if variance is None:
            return None
        means = np.array([np.mean(losses[name]) for name in names])
        noise = variance * float(np.mean([1 / len(losses[name]) for name in names]))
        product *= max(0.0, 1 - noise / float(np.var(means, ddof=1)))
    return float(np.sqrt(product))
