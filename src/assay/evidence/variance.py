"""Where the noise of a score comes from: parts of a variance, ratios of deviations and correlations, with intervals.

Pure functions of plain numbers. What is exact and what is not:

* A deviation of independent Gaussian values: chi-squared interval, exact (`deviation_interval`).
* The ratio of two deviations that were measured on the same seeds: Pitman (1939, "A note on normal correlation") and
  Morgan (1939, "A test for the significance of the difference between the two variances in a sample from a normal
  bivariate population"): x + y and x − y are uncorrelated exactly if x and y vary equally. Exact for Gaussian pairs.
* A correlation: Fisher's z (1921), approximate from four pairs on.
* Initialisation × data order: random effects of a crossed design that need not be complete, by restricted maximum
  likelihood (Patterson & Thompson 1971), intervals by its profile (Searle, Casella & McCulloch 1992, "Variance
  Components", chapters 6 and 8). Approximate; simulated coverage is in the tests.
* A sum of parts: the method of variance estimates recovery (Zou & Donner 2008, "Construction of confidence limits about
  effect measures").
* Evaluation: how far a run's advantage over the others hangs on the very documents that were scored, by linearisation
  of a ratio over sampled documents (Cochran 1977, "Sampling Techniques", section 6.4), interval by a bootstrap over
  documents.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from scipy import special  # pyright: ignore[reportMissingTypeStubs]

from assay.spec.errors import UserError

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

_chi2_upper_quantile = cast("Callable[[float, float], float]", special.chdtri)
_student_quantile = cast("Callable[[float, float], float]", special.stdtrit)
_normal_quantile = cast("Callable[[float], float]", special.ndtri)

#: A part of the variance below this fraction of the whole is none.
_NOTHING = 1e-12
#: Draws of the bootstrap over documents.
_DRAWS = 400


class Interval(NamedTuple):
    """An estimate with its ends; None where the data do not bound it."""

    value: float
    low: float | None
    high: float | None


class Components(NamedTuple):
    """Parts of the variance of a score, as deviations in the unit of the values.

    `interaction` is what neither initialisation nor data order explains alone; without repeated cells it holds the
    nondeterminism of training too. `repeat` is None where no cell was repeated.
    """

    init: Interval
    data: Interval
    interaction: Interval
    repeat: Interval | None
    total: Interval
    repeats: int
    """Values beyond the first of their cell."""


def deviation_of(values: Sequence[float] | Floats) -> float:
    """Standard deviation with divisor n − 1, for n ≥ 2."""
    return float(np.std(np.asarray(values, dtype=np.float64), ddof=1))


def deviation_interval(deviation: float, degrees: float, level: float = 0.05) -> Interval:
    """Chi-squared interval of a Gaussian deviation that was estimated with so many degrees of freedom."""
    assert degrees > 0
    low = deviation * math.sqrt(degrees / _chi2_upper_quantile(degrees, level / 2))
    high = deviation * math.sqrt(degrees / _chi2_upper_quantile(degrees, 1 - level / 2))
    return Interval(deviation, low, high)


def correlation_interval(x: Sequence[float], y: Sequence[float], level: float = 0.05) -> Interval | None:
    """Correlation of pairs with Fisher's interval; None where an arm does not vary, no ends below four pairs."""
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    n = len(a)
    assert n == len(b) >= 2
    if not a.std() or not b.std():
        return None
    r = float(np.clip(np.corrcoef(a, b)[0, 1], -1.0, 1.0))
    if n < 4 or abs(r) == 1:
        return Interval(r, None, None)
    half = _normal_quantile(1 - level / 2) / math.sqrt(n - 3)
    return Interval(r, math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half))


def deviation_ratio(
    new: Sequence[Sequence[float]], old: Sequence[Sequence[float]], level: float = 0.05
) -> Interval | None:
    """How many times the deviation of `new` is that of `old`, measured on the same seeds; the Pitman–Morgan interval.

    Args:
        new, old: groups of values, the i-th of a group at the same seed in both. Each group has an expectation of its
            own; ratio and correlation are taken to be common to all.

    Returns:
        The interval; None where `old` does not vary, without ends below two degrees of freedom.
    """
    a = np.concatenate([np.asarray(g, dtype=np.float64) - np.mean(g) for g in new])
    b = np.concatenate([np.asarray(g, dtype=np.float64) - np.mean(g) for g in old])
    assert len(a) == len(b)
    degrees = len(a) - len(new)
    squares = float(b @ b)
    if not squares or degrees < 1:
        return None
    ratio = math.sqrt(float(a @ a) / squares)
    if degrees < 2 or not ratio:
        return Interval(ratio, None, None)
    r = float(a @ b) / math.sqrt(float(a @ a) * squares)
    k = 1 + 2 * (1 - r * r) * _student_quantile(degrees - 1, 1 - level / 2) ** 2 / (degrees - 1)
    spread = math.sqrt(k + math.sqrt(k * k - 1))
    return Interval(ratio, ratio / spread, ratio * spread)


# Crossed random effects


class _Restricted:
    """Restricted likelihood of values with a common mean and a sum of known covariances."""

    def __init__(self, values: Floats, covariances: list[Floats]) -> None:
        self.y, self.parts = values, covariances

    def both(self, shares: Floats) -> tuple[float, Floats]:
        """Minus the log likelihood (up to a constant) and its gradient, at these variances."""
        covariance = sum(share * part for share, part in zip(shares, self.parts, strict=True))
        inverse = np.linalg.inv(covariance)
        ones = inverse.sum(axis=1)
        information = float(ones.sum())
        projection = inverse - np.outer(ones, ones) / information
        weighted = projection @ self.y
        logdet = float(np.linalg.slogdet(covariance)[1])
        value = 0.5 * (logdet + math.log(information) + float(self.y @ weighted))
        gradient = np.array([0.5 * (np.sum(projection * part) - weighted @ part @ weighted) for part in self.parts])
        return value, gradient

    def least(self, start: Floats, fixed: int | None = None) -> tuple[float, Floats]:
        """The least value over variances of zero and more (the last above zero), one of them perhaps held."""
        from scipy.optimize import minimize  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

        free = [k for k in range(len(self.parts)) if k != fixed]
        lowest = np.zeros(len(self.parts))
        lowest[-1] = 1e-8
        shares = np.maximum(start, lowest)

        def of(these: Floats) -> tuple[float, Floats]:
            shares[free] = these
            value, gradient = self.both(shares)
            return value, gradient[free]

        minimum = cast("Callable[..., object]", minimize)
        best, best_shares = math.inf, shares.copy()
        for begin in (shares[free].copy(), np.full(len(free), 1.0 / len(self.parts))):
            found = minimum(of, begin, jac=True, method="L-BFGS-B", bounds=[(lowest[k], None) for k in free])
            value, these = cast("float", getattr(found, "fun")), cast("Floats", getattr(found, "x"))  # noqa: B009
            if value < best:
                best, best_shares = value, shares.copy()
                best_shares[free] = these
        return best, best_shares

    def interval(self, part: int, shares: Floats, least: float, level: float) -> Interval:
        """Profile interval of one variance."""
        limit = least + 0.5 * _chi2_upper_quantile(1, level)
        start = shares.copy()

        def inside(value: float) -> bool:
            start[part] = value
            return self.least(start, part)[0] <= limit

        estimate = float(shares[part])
        tiny = 1e-8 if part == len(self.parts) - 1 else 0.0
        low = estimate
        if estimate > tiny:
            low = tiny if inside(tiny) else _edge(inside, estimate, max(tiny, estimate * 1e-6))
        high = max(2 * estimate, 1e-3)
        while inside(high):
            high *= 2
            if high > 1e6:
                return Interval(estimate, low, None)
        return Interval(estimate, low, _edge(inside, max(estimate, high / 4096), high))


def _edge(inside: Callable[[float], bool], good: float, bad: float) -> float:
    """Where, between a value inside and one outside, the interval ends; halving on a logarithmic scale."""
    for _ in range(14):
        middle = math.sqrt(good * bad)
        good, bad = (middle, bad) if inside(middle) else (good, middle)
    return math.sqrt(good * bad)


def crossed(
    init: Sequence[Hashable], data: Sequence[Hashable], values: Sequence[float], level: float = 0.05
) -> Components:
    """Split the variance of scores into initialisation, data order, their interaction, and repeats.

    Args:
        init, data: what was the same between runs, one entry a run.
        values: scores.

    Raises:
        UserError: nothing varies, or initialisation and data order were not varied apart.
    """
    cells: dict[tuple[Hashable, Hashable], list[float]] = {}
    for a, b, value in zip(init, data, values, strict=True):
        cells.setdefault((a, b), []).append(value)
    repeats = len(values) - len(cells)
    scatter = max((max(found) - min(found) for found in cells.values()), default=0.0)
    size = deviation_of([found[0] for found in cells.values()]) if len(cells) > 1 else 0.0
    if len(cells) < 2 or not size:
        raise UserError(
            "the runs do not vary: at least two with different values are needed to say where noise is from"
        )
    repeated = repeats > 0 and scatter > _NOTHING * size
    rows = [(cell, value) for cell, found in cells.items() for value in (found if repeated else found[:1])]
    y = np.array([value for _, value in rows])
    y = (y - y.mean()) / size
    labels: list[list[Hashable]] = [[cell[0] for cell, _ in rows], [cell[1] for cell, _ in rows]]
    if repeated:
        labels.append([cell for cell, _ in rows])
    parts = [_same(label) for label in labels] + [np.eye(len(y))]
    _check_apart(parts)
    model = _Restricted(y, parts)
    least, shares = model.least(np.full(len(parts), 1.0 / len(parts)))
    found = [model.interval(part, shares, least, level) for part in range(len(parts))]
    deviations = [_root(each, size) for each in found]
    repeat = deviations[3] if repeated else Interval(0.0, 0.0, None) if repeats else None
    return Components(deviations[0], deviations[1], deviations[2], repeat, _root(total_of(found), size), repeats)


def _same(labels: Sequence[Hashable]) -> Floats:
    """1 where two runs share a label, shape (runs, runs)."""
    numbers = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    codes = np.array([numbers[label] for label in labels])
    return (codes[:, None] == codes[None, :]).astype(np.float64)


def _check_apart(parts: list[Floats]) -> None:
    """Raise `UserError` unless the covariances can be told apart once the mean is taken off."""
    n = len(parts[0])
    centre = np.eye(n) - 1.0 / n
    centred = [(centre @ part @ centre).ravel() for part in parts]
    norms = [float(np.linalg.norm(part)) for part in centred]
    if min(norms) > 1e-9:
        scaled = np.stack([part / norm for part, norm in zip(centred, norms, strict=True)])
        if float(np.linalg.eigvalsh(scaled @ scaled.T)[0]) > 1e-6:
            return
    raise UserError(
        "initialisation and data order were not varied apart: runs are needed that share one of them and differ in the "
        "other, at least two of each"
    )


def _root(variance: Interval, size: float) -> Interval:
    """From a variance in units of size² to a deviation."""
    low, high = (None if end is None else size * math.sqrt(max(end, 0.0)) for end in variance[1:])
    return Interval(size * math.sqrt(max(variance.value, 0.0)), low, high)


def total_of(parts: Sequence[Interval]) -> Interval:
    """The sum of variances that were estimated apart, with an interval recovered from theirs (Zou & Donner 2008)."""
    value = sum(part.value for part in parts)
    low = value - math.sqrt(sum((part.value - (part.low or 0.0)) ** 2 for part in parts))
    highs = [part.high for part in parts]
    if None in highs:
        return Interval(value, max(0.0, low), None)
    over = sum((cast("float", high) - part.value) ** 2 for high, part in zip(highs, parts, strict=True))
    return Interval(value, max(0.0, low), value + math.sqrt(over))


# Evaluation


def evaluation_deviation(
    contributions: Floats, sizes: Floats, domains: Whole, documents: Whole, level: float = 0.05
) -> Interval | None:
    """The part of a run's deviation from other runs that another sample of held-out documents would redraw.

    What all runs share of a document's difficulty cancels between runs and does not count. More held-out text takes the
    variance down in proportion.

    Args:
        contributions: what each span adds to each run's score (weights of domains and bytes included), shape
            (runs, spans); or differences of such rows.
        sizes: bytes of each span.
        domains, documents: number of each span's domain and document.

    Returns:
        A deviation in the unit of the score; None where a domain has a single document, and no ends where one has two.
    """
    runs = len(contributions)
    assert runs >= 2
    centred = contributions - contributions.mean(axis=0)
    squares: list[Floats] = []  # of each domain: (documents,), already summed over runs
    for domain in np.unique(domains):
        mine = domains == domain
        _, groups = np.unique(documents[mine], return_inverse=True)
        count = int(groups.max()) + 1
        totals = np.zeros((runs, count))
        np.add.at(totals.T, groups, centred[:, mine].T)
        size = np.bincount(groups, weights=sizes[mine], minlength=count)
        if count < 2:
            return None
        residual = totals - np.outer(totals.sum(axis=1), size / size.sum())
        squares.append((residual**2).sum(axis=0) * count / (count - 1) / (runs - 1))
    variance = float(sum(part.sum() for part in squares))
    if min(len(part) for part in squares) < 3:
        return Interval(math.sqrt(variance), None, None)
    rng = np.random.default_rng(0)
    drawn = np.zeros(_DRAWS)
    for part in squares:
        drawn += part[rng.integers(0, len(part), (_DRAWS, len(part)))].sum(axis=1)
    low, high = np.quantile(drawn, [level / 2, 1 - level / 2])
    return Interval(math.sqrt(variance), math.sqrt(float(low)), math.sqrt(float(high)))


# Effects


def mean_interval(values: Sequence[float], level: float = 0.05) -> Interval:
    """A mean with Student's interval; no ends for a single value."""
    n, mean = len(values), math.fsum(values) / len(values)
    if n < 2:
        return Interval(mean, None, None)
    half = _student_quantile(n - 1, 1 - level / 2) * deviation_of(values) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half)


def signal_ratio(
    new: Sequence[Sequence[float]], old: Sequence[Sequence[float]], level: float = 0.05
) -> Interval | None:
    """How many times an effect over its deviation in `new` is that in `old`; pairs needed fall with its square.

    The geometric mean over groups in which the effect is clear both times (twice its standard error), with a jackknife
    over seeds on the logarithm (Miller 1974, "The jackknife: a review"). Groups have their seeds in the same order.

    Returns:
        The ratio; None where no group's effect is clear, or below four seeds.
    """

    def log_signal(values: Sequence[float]) -> float:
        return math.log(abs(math.fsum(values)) / len(values) / deviation_of(values))

    kept = [
        (a, b)
        for a, b in zip(new, old, strict=True)
        if all(deviation_of(g) and abs(math.fsum(g)) > 2 * deviation_of(g) * math.sqrt(len(g)) for g in (a, b))
    ]
    n = min((len(b) for _, b in kept), default=0)
    if n < 4:
        return None

    def at(left_out: int | None) -> float:
        logs = [
            log_signal([v for i, v in enumerate(a) if i != left_out])
            - log_signal([v for i, v in enumerate(b) if i != left_out])
            for a, b in kept
        ]
        return sum(logs) / len(logs)

    whole = at(None)
    pseudo = [n * whole - (n - 1) * at(i) for i in range(n)]
    half = _student_quantile(n - 1, 1 - level / 2) * deviation_of(pseudo) / math.sqrt(n)
    return Interval(math.exp(whole), math.exp(whole - half), math.exp(whole + half))
