"""Which runs a fitted law rests on.

Leaving out one run at a time (Cook 1977, "Detection of Influential Observation in Linear Regression"; Belsley, Kuh &
Welsch 1980, "Regression Diagnostics") finds a single run that moves the exponents, but not several of one kind: each
is *masked* by the others. So a core of three quarters of the runs that agree best with one law is searched first, by
concentration steps (Rousseeuw & Van Driessen 1999, "A Fast Algorithm for the Minimum Covariance Determinant
Estimator"; least trimmed squares), and runs that lie far from the core's law are judged together.

Reported is a run that
- alone moves α, β or the compute exponent by more than half a standard error when it is left out; or
- lies more than five robust standard deviations off the core's law. How far all reported runs move the exponents
  together is said as well: the Huber fit resists outliers inside the table, and hardly those at its edge.
"""

import math
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from assay.evidence.scaling import huber
from assay.evidence.scaling.huber import DELTA, Design
from assay.evidence.scaling.law import Law, natural
from assay.evidence.scaling.runs import Runs

Floats = NDArray[np.float64]

#: Standard errors that make a movement worth saying.
MOVED = 0.5
#: Robust standard deviations that make a run an outlier: one in two million of a Gaussian.
OUTLYING = 5.0
#: Share of the runs in the core.
CORE = 0.75
#: Fewest runs from which one can be left out, and from which a core can be searched.
_FEWEST, _FEWEST_FOR_CORE = 8, 12
#: Runs that are left out one by one, the most promising first.
_MOST = 300
#: The least robust deviation of log loss: tables are written with four digits or so.
_LEAST_DEVIATION = 1e-4


@dataclass(frozen=True, slots=True)
class Influential:
    """A run that the exponents rest on."""

    line: int
    params: float
    tokens: float
    tokens_per_param: float
    loss: float
    exponent_without: float
    """Compute exponent when this run alone is left out."""
    standard_errors: float
    """The most that α, β or the compute exponent moves when it alone is left out, in standard errors."""
    distance: float | None
    """Measured less predicted log loss under the core's law, in robust standard deviations; None: no core."""
    reason: Literal["moves the fit alone", "outlier"]


@dataclass(frozen=True, slots=True)
class Group:
    """A training run that the exponents rest on."""

    name: str
    rows: int
    exponent_without: float
    standard_errors: float


@dataclass(frozen=True, slots=True)
class Influence:
    """What a law rests on."""

    runs: tuple[Influential, ...]
    """The most outlying first, then by how far the fit moves."""
    together: float
    """The most that α, β or the compute exponent moves without all of them, in standard errors."""
    without: Law | None
    """The fit without all of them, with no bootstrap; None if there are none, or too few others."""
    groups: tuple[Group, ...]
    """Groups that alone move an exponent by more than half a standard error."""
    note: str
    """Why nothing could be left out; empty elsewhere."""


def influence(law: Law) -> Influence:
    """Which runs a law rests on. Deletions are fitted by Huber, whatever the law's own method."""
    runs = law.runs
    if len(runs) < _FEWEST:
        return Influence((), 0.0, None, (), f"{len(runs)} runs: too few to leave one out")
    design = Design.of(runs.params, runs.tokens, runs.loss)
    start = _optimum(design, law)
    errors = np.array([*law.resampled[:, 3:].std(axis=0), law.exponents.std()])
    alone = _alone(design, start, errors, _candidates(design, start))
    distance = _distances(design, start) if len(runs) >= _FEWEST_FOR_CORE else None
    far = np.flatnonzero(np.abs(distance) > OUTLYING) if distance is not None else np.array([], dtype=int)
    singles = [place for place, (moved, _) in alone.items() if moved > MOVED]
    outlying: list[int] = far.tolist()
    missing = [place for place in outlying if place not in alone]
    alone |= _alone(design, start, errors, np.array(missing, dtype=int))
    places = sorted({*outlying, *singles}, key=lambda place: _rank(place, far, distance, alone))
    found = tuple(
        Influential(
            runs.lines[place], float(runs.params[place]), float(runs.tokens[place]), float(runs.ratio[place]),
            float(runs.loss[place]), alone[place][1], alone[place][0],
            None if distance is None else float(distance[place]),
            "moves the fit alone" if place in singles else "outlier",
        )
        for place in places
    )  # fmt: skip
    together = _moves(design, start, errors, np.array(places)) if places else 0.0
    return Influence(found, together, _without(law, design, start, places), _groups(law, design, start, errors), "")


def _rank(
    place: int, far: NDArray[np.intp], distance: Floats | None, alone: dict[int, tuple[float, float]]
) -> tuple[bool, float]:
    if distance is not None and place in far:
        return False, -abs(float(distance[place]))
    return True, -alone[place][0]


def _optimum(design: Design, law: Law) -> Floats:
    """The law in the parameters of `huber.minimise`, moved to Huber's optimum nearby."""
    x, y, z = design.centre
    terms = np.array([law.A * math.exp(-law.alpha * x - z), law.B * math.exp(-law.beta * y - z), law.E * math.exp(-z)])
    start = np.concatenate([np.log(np.maximum(terms, 1e-5)), [law.alpha, law.beta]])
    return huber.minimise(design, start[None])[0][0]


def _exponents(theta: Floats) -> Floats:
    """α, β and the compute exponent, shape (fits, 3)."""
    return np.stack([theta[:, 3], theta[:, 4], theta[:, 4] / (theta[:, 3] + theta[:, 4])], axis=1)


def _refit(design: Design, start: Floats, left_out: list[NDArray[np.intp]]) -> Floats:
    """Parameters without each of the given sets of runs, shape (sets, 5)."""
    weights = np.ones((len(left_out), len(design.x)))
    for row, places in zip(weights, left_out, strict=True):
        row[places] = 0.0
    return huber.minimise(design, np.broadcast_to(start, (len(left_out), 5)), weights)[0]


def _alone(design: Design, start: Floats, errors: Floats, places: NDArray[np.intp]) -> dict[int, tuple[float, float]]:
    """For each run, left out alone: standard errors moved, and the compute exponent."""
    if not len(places):
        return {}
    found = _exponents(_refit(design, start, [places[[i]] for i in range(len(places))]))
    moved = (np.abs(found - _exponents(start[None])) / np.maximum(errors, 1e-12)).max(axis=1)
    return {int(p): (float(m), float(e[2])) for p, m, e in zip(places, moved, found, strict=True)}


def _moves(design: Design, start: Floats, errors: Floats, places: NDArray[np.intp]) -> float:
    found = _exponents(_refit(design, start, [places]))
    return float((np.abs(found - _exponents(start[None])) / np.maximum(errors, 1e-12)).max())


def _candidates(design: Design, theta: Floats) -> NDArray[np.intp]:
    """The runs most worth leaving out: all of a usual table, of a long one those with the largest first-order pull."""
    if len(design.x) <= _MOST:
        return np.arange(len(design.x))
    jacobian = huber.jacobian(design, theta)
    residual = huber.predicted(design, theta[None])[0] - design.z
    weight = np.minimum(1.0, DELTA / np.maximum(np.abs(residual), 1e-12))
    curvature = (jacobian * weight[:, None]).T @ jacobian
    inverse = cast("Floats", np.linalg.pinv(curvature))
    pull = inverse @ (jacobian * (weight * residual)[:, None]).T
    return np.argsort(-np.abs(pull[3:]).max(axis=0))[:_MOST]


def _distances(design: Design, start: Floats) -> Floats:
    """Measured less predicted log loss under the core's law, in its robust standard deviations, shape (runs,)."""
    runs = len(design.x)
    size = math.ceil(CORE * runs)
    rng = np.random.default_rng(0)
    # Besides the full fit, fits of random halves: one of them is likely to hold few outliers.
    halves = [rng.permutation(runs)[: runs // 2] for _ in range(7)]
    theta = np.concatenate([start[None], _refit(design, start, halves)])
    kept = np.zeros((len(theta), runs))
    for _ in range(20):
        residual = np.abs(huber.predicted(design, theta) - design.z)
        now = np.zeros_like(kept)
        np.put_along_axis(now, np.argsort(residual, axis=1)[:, :size], 1.0, axis=1)
        if np.array_equal(now, kept):
            break
        kept = now
        theta, _ = huber.minimise(design, theta, kept)
    residual = design.z - huber.predicted(design, theta)
    best = residual[np.sort(np.abs(residual), axis=1)[:, :size].sum(axis=1).argmin()]
    deviation = max(1.4826 * float(np.median(np.abs(best))), _LEAST_DEVIATION)
    return best / deviation


def _without(law: Law, design: Design, start: Floats, places: list[int]) -> Law | None:
    if not places or len(law.runs) - len(places) < _FEWEST:
        return None
    theta = _refit(design, start, [np.array(places)])
    found = natural(design, theta)
    rest: Runs = law.runs.take(np.setdiff1d(np.arange(len(law.runs)), places))
    return Law(found[0], "huber", math.nan, rest, found)


def _groups(law: Law, design: Design, start: Floats, errors: Floats) -> tuple[Group, ...]:
    if law.runs.groups is None:
        return ()
    names = np.array(law.runs.groups)
    every = [str(name) for name in np.unique(names)]
    members = [np.flatnonzero(names == name) for name in every]
    found = _exponents(_refit(design, start, members))
    moved = (np.abs(found - _exponents(start[None])) / np.maximum(errors, 1e-12)).max(axis=1)
    groups = [
        Group(name, len(rows), float(e[2]), float(m))
        for name, rows, e, m in zip(every, members, found, moved, strict=True)
        if m > MOVED
    ]
    return tuple(sorted(groups, key=lambda group: -group.standard_errors))
