"""Which mixtures to train next.

Without a model, mixtures that fill the space: random ones around the domains' shares of tokens, of every strength from
nearly one domain to nearly the shares themselves (as RegMix draws them), thinned out so that each is as far as possible
from those already there (greedy maximin; Johnson, Moore & Ylvisaker 1990, "Minimax and maximin distance designs").

With a model, either those that would tell most about all mixtures (each in turn takes away most posterior variance on
average over the space; Cohn 1996, "Neural network exploration using optimal experiment design"), or those that may be
the best (Thompson sampling: the best mixture of one draw from the posterior each).
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assay.evidence.mixtures.regressor import Predictor
from assay.evidence.mixtures.simplex import Limits, hellinger, project, rounded, scatter
from assay.spec.errors import UserError

Floats = NDArray[np.float64]
Aim = Literal["learn", "best"]

#: Strengths of the Dirichlet distributions that candidates come from, as multiples of the shares.
STRENGTHS = np.geomspace(0.5, 50, 15)
#: Candidates to choose from.
CANDIDATES = 1500


def space_filling(centre: Floats, count: int, limits: Limits, present: Floats | None = None, seed: int = 0) -> Floats:
    """Mixtures far from each other and from those present, shape (count, domains), with four decimals.

    Args:
        centre: shares to draw around, shape (domains,).
        present: mixtures that were trained already, shape (rows, domains).
    """
    rng = np.random.default_rng(seed)
    pool = _candidates(rng, centre[None], max(CANDIDATES, 10 * count), limits)
    if present is not None and len(present):
        far = hellinger(pool, present).min(axis=1)
    else:  # the first is the centre itself
        pool = np.concatenate([rounded(project(centre[None], limits)), pool])
        far = hellinger(pool, pool[:1])[:, 0]
        far[0] = np.inf
    chosen: list[int] = []
    for _ in range(count):
        place = int(far.argmax())
        chosen.append(place)
        far = np.minimum(far, hellinger(pool, pool[place : place + 1])[:, 0])
    return pool[chosen]


def informative(
    regression: Predictor, trained: Floats, count: int, limits: Limits, aim: Aim = "learn", seed: int = 0
) -> tuple[Floats, float]:
    """Mixtures that a fitted regression asks for.

    Args:
        regression: with covariances.
        trained: mixtures that were measured, shape (rows, domains).
        aim: "learn" what all mixtures lead to, or find the "best" one.

    Returns:
        Mixtures, shape (count, domains), with four decimals, and the share of the mean posterior variance over the
        space that measuring them all would take away.

    Raises:
        UserError: the regression has no covariances.
    """
    rng = np.random.default_rng(seed)
    centres = np.concatenate([trained, trained.mean(axis=0, keepdims=True)])
    pool = _candidates(rng, centres, CANDIDATES, limits)
    prediction = regression.predict(pool)
    if aim == "best":
        close = pool[np.argsort(prediction.mean, kind="stable")[:20]]
        pool = np.concatenate([pool[: CANDIDATES // 2], _candidates(rng, close, CANDIDATES // 2, limits, strong=True)])
        prediction = regression.predict(pool)
    covariance = regression.covariance(pool, pool)
    if covariance is None:
        raise UserError("this regressor has no covariances to design from; fit the model with `--regressor gp`")
    noise = float(np.mean(prediction.sd**2 - prediction.sd_mean**2))
    before = float(np.trace(covariance))
    chosen: list[int] = []
    if aim == "best":
        chosen = _thompson(rng, prediction.mean, covariance, count)
        for place in chosen:
            covariance = _measured(covariance, place, noise)
    else:
        for _ in range(count):
            # What measuring a candidate takes off the variance of all the others together.
            worth = np.einsum("ij,ij->j", covariance, covariance) / (np.diag(covariance) + noise)
            worth[chosen] = -np.inf
            chosen.append(int(worth.argmax()))
            covariance = _measured(covariance, chosen[-1], noise)
    return pool[chosen], 1 - float(np.trace(covariance)) / before


def _measured(covariance: Floats, place: int, noise: float) -> Floats:
    """The covariance after one more measurement with noise at a point."""
    column = covariance[:, place]
    return covariance - np.outer(column, column) / (column[place] + noise)


def _thompson(rng: np.random.Generator, mean: Floats, covariance: Floats, count: int) -> list[int]:
    """The best point of each of `count` draws, no point twice."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0))
    chosen: list[int] = []
    for _ in range(count):
        draw = mean + root @ rng.standard_normal(len(mean))
        draw[chosen] = np.inf
        chosen.append(int(draw.argmin()))
    return chosen


def _candidates(rng: np.random.Generator, centres: Floats, count: int, limits: Limits, strong: bool = False) -> Floats:
    """Different random mixtures within the limits."""
    strengths = np.geomspace(30, 1000, 8) if strong else STRENGTHS
    drawn = scatter(rng, centres, strengths, count)
    _, first = np.unique(rounded(project(drawn, limits)), axis=0, return_index=True)
    return rounded(project(drawn[np.sort(first)], limits))
