"""Whether chances are true: of texts that a classifier gives a chance of 70%, are 70% good?

Judged on labels that the classifier had not seen. The expected calibration error (ECE) is the mean difference between
chance and share over bins of equally many texts; its interval is a bootstrap's over groups. Even a perfect classifier
has some, because shares of few texts scatter: `perfect` says how much (consistency resampling, Bröcker and Smith 2007).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

BINS = 10
_RESAMPLES = 1000


@dataclass(frozen=True)
class Bin:
    """Texts with about the same chance: how many, the mean chance, and the share that is good with its 95% interval."""

    n: int
    chance: float
    share: float
    lo: float
    hi: float


@dataclass(frozen=True)
class Calibration:
    """Calibration of the chance of one grade and better.

    Attributes:
        bins: by rising chance.
        ece, lo, hi: expected calibration error with its 95% interval.
        perfect: the ECE that a perfectly calibrated classifier stays below in 95% of such samples.
        brier: mean squared difference between chance and truth; `base` is that of the overall share for every text.
    """

    n: int
    bins: tuple[Bin, ...]
    ece: float
    lo: float
    hi: float
    perfect: float
    brier: float
    base: float


def calibrate(chances: np.ndarray, good: np.ndarray, groups: Sequence[str], seed: int = 0) -> Calibration:
    """Calibration of chances (N,) against truths (N,) 0 or 1."""
    truth = good.astype(np.float64)
    random = np.random.default_rng(seed)
    order = np.argsort(chances, kind="stable")
    bins = tuple(_bin(chances[part], truth[part]) for part in np.array_split(order, BINS) if len(part))
    found = ece(chances, truth)
    names, group_N = np.unique(np.asarray(groups), return_inverse=True)
    members = np.split(np.argsort(group_N, kind="stable"), np.cumsum(np.bincount(group_N))[:-1])
    again = []
    for _ in range(_RESAMPLES):
        drawn = np.concatenate([members[i] for i in random.integers(0, len(names), len(names))])
        again.append(ece(chances[drawn], truth[drawn]))
    perfect = _perfect(np.sort(chances), random)
    # What resampling adds to the error, because each resample scatters anew, is taken off (Efron's basic interval).
    low, high = 2 * found - np.quantile(again, [0.975, 0.025])
    return Calibration(
        n=len(chances),
        bins=bins,
        ece=found,
        lo=float(max(0.0, min(low, found))),
        hi=float(max(high, found)),
        perfect=float(np.quantile(perfect, 0.95)),
        brier=float(((chances - truth) ** 2).mean()),
        base=float(truth.mean() * (1 - truth.mean())),
    )


def _perfect(chances: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Calibration errors if chances, in rising order, were true."""
    sizes = [len(part) for part in np.array_split(chances, min(BINS, len(chances)))]
    starts = np.cumsum([0, *sizes[:-1]])
    errors = []
    for _ in range(_RESAMPLES // 50):
        missed = chances - (random.random((50, len(chances))) < chances)
        errors.append(abs(np.add.reduceat(missed, starts, axis=1)).sum(1) / len(chances))
    return np.concatenate(errors)


def ece(chances: np.ndarray, truth: np.ndarray) -> float:
    """Expected calibration error over `BINS` bins of equally many texts."""
    order = np.argsort(chances, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    return float(sum(abs(chances[part].sum() - truth[part].sum()) for part in parts) / len(chances))


def _bin(chances: np.ndarray, truth: np.ndarray) -> Bin:
    """A bin with the Clopper–Pearson interval of its share."""
    n, k = len(truth), truth.sum()
    low = float(beta.ppf(0.025, k, n - k + 1)) if k > 0 else 0.0
    high = float(beta.ppf(0.975, k + 1, n - k)) if k < n else 1.0
    return Bin(n, float(chances.mean()), float(k / n), low, high)
