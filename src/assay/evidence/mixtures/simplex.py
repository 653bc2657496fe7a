"""Mixtures as points: distances, limits, random neighbours. A mixture's weights are zero or more and add up to one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.spec.errors import UserError

Floats = NDArray[np.float64]


def hellinger(a: Floats, b: Floats) -> Floats:
    """Hellinger's distance between mixtures, shape (len(a), len(b)): 0 for equal ones, 1 for those without a domain
    in common.
    """
    return np.sqrt(np.clip(1 - np.sqrt(a) @ np.sqrt(b).T, 0, 1))


@dataclass(frozen=True, slots=True)
class Limits:
    """Least and most weight of each domain, shape (domains,)."""

    low: Floats
    high: Floats


def limits_of(
    domains: Sequence[str],
    least: Mapping[str, float] | None = None,
    most: Mapping[str, float] | None = None,
    available: Mapping[str, float] | None = None,
    train_tokens: float | None = None,
    epochs: float = 4.0,
) -> Limits:
    """Limits from what a person says.

    Args:
        least, most: limits of weights by domain. A domain may be named by any ending that no other has.
        available: tokens there are, by domain; none may be read more than `epochs` times.
        train_tokens: tokens of the run that the mixture is for; needed with `available`.
        epochs: four passes over the same text are nearly as good as fresh text (Muennighoff et al. 2023, "Scaling
            Data-Constrained Language Models").

    Raises:
        UserError: an unknown domain, or limits that no mixture meets.
    """
    low, high = np.zeros(len(domains)), np.ones(len(domains))
    for given, bounds in ((least or {}, low), (most or {}, high)):
        for name, value in given.items():
            if not 0 <= value <= 1:
                raise UserError(f"the limit {value:g} of '{name}' is no weight; weights lie between 0 and 1")
            bounds[place_of(name, domains)] = value
    if available:
        if train_tokens is None:
            raise UserError("--available needs --train-tokens, the number of tokens of the run that the mixture is for")
        for name, tokens in available.items():
            place = place_of(name, domains)
            high[place] = min(high[place], tokens * epochs / train_tokens)
    crossed = np.flatnonzero(low > high)
    if len(crossed):
        name = domains[int(crossed[0])]
        raise UserError(f"'{name}' should be at least {low[crossed[0]]:g} and at most {high[crossed[0]]:g}")
    if low.sum() > 1 or high.sum() < 1:
        what = f"least weights add up to {low.sum():g}" if low.sum() > 1 else f"most weights add up to {high.sum():g}"
        raise UserError(f"no mixture meets the limits: the {what}, and weights add up to 1")
    return Limits(low, high)


def place_of(name: str, names: Sequence[str]) -> int:
    """Where a name, or one ending in it, stands. Raises `UserError` if none does or several do."""
    if name in names:
        return list(names).index(name)
    found = [place for place, other in enumerate(names) if other.endswith(name)]
    if len(found) == 1:
        return found[0]
    problem = f"several end in '{name}'" if found else f"there is no '{name}'"
    raise UserError(f"{problem}; there are: {', '.join(names)}")


def project(points: Floats, limits: Limits) -> Floats:
    """The nearest mixtures within the limits, shape as given.

    Euclid's projection onto a simplex with bounds: all weights are shifted by one number and cut off at their limits;
    the number is found by bisection.
    """
    below: Floats = np.asarray((points - limits.high).min(axis=1))
    above: Floats = np.asarray((points - limits.low).max(axis=1))
    for _ in range(60):
        middle = (below + above) / 2
        much = np.clip(points - middle[:, None], limits.low, limits.high).sum(axis=1) > 1
        below, above = np.where(much, middle, below), np.where(much, above, middle)
    found = np.clip(points - ((below + above) / 2)[:, None], limits.low, limits.high)
    return found / found.sum(axis=1, keepdims=True)


def scatter(rng: np.random.Generator, centres: Floats, strengths: Floats, count: int) -> Floats:
    """Random mixtures around centres, shape (count, domains).

    Each is Dirichlet with a mean of one of the centres (nudged off its zeros) and one of the strengths: small ones give
    mixtures of few domains, large ones stay close.
    """
    domains = centres.shape[1]
    chosen = centres[rng.integers(len(centres), size=count)]
    strength = strengths[rng.integers(len(strengths), size=count)]
    shapes = strength[:, None] * (0.98 * chosen + 0.02 / domains)
    drawn = np.asarray(rng.standard_gamma(np.maximum(shapes, 1e-3)), dtype=np.float64)
    total = np.asarray(drawn.sum(axis=1, keepdims=True))
    return np.where(total > 0, drawn / np.maximum(total, 1e-300), chosen)


def rounded(points: Floats, decimals: int = 4) -> Floats:
    """The same mixtures with few decimals that still add up to one: the largest remainders are rounded up."""
    units = 10**decimals
    whole = np.floor(points * units + 1e-9)
    for row, rest in zip(whole, points * units - whole, strict=True):
        missing = round(units - float(row.sum()))
        row[np.argsort(-rest, kind="stable")[:missing]] += 1
    return whole / units
