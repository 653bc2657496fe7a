"""How many pairs, and when to give up, so that a verified discovery costs the least compute.

A proposal is replicated at a small scale, and if that succeeds confirmed at a larger one, on pairs of its own (the
stages of `assay.campaign.decide`). For a stated effect, the smallest worth having, the choice is among designs (caps
on pairs at both scales, bound of futility); their cost is

    compute per discovery = [share · C(effect) + (1 − share) · C(0)] / (share · power),

with C the expected compute of testing one proposal, `share` the prior share of proposals that have the effect, and
power the chance that such a one passes both stages. A small cap is cheap and finds little; a large one pays for nulls.
Compute is not all that a proposal costs: it uses up a number of the error budget, well tested or badly, and good ideas
are few. So only designs count that find at least `KEEP` of what the most powerful one finds.

Everything is simulated on one set of standard normal pairs, with the e-value's own boundary. The deviation is taken
for known where futility is judged (Wald 1945), so that where little is known about the noise a design costs somewhat
more than it says. Designs only cap and stop, so that none of this touches the error guarantee.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.evidence.sequential import ALTERNATIVE, CLEAR, FUTILE_AT, critical_effect, futility_effect

Floats = NDArray[np.float64]

#: Bounds of the likelihood ratio, and caps, that are tried. A bound of 0 never gives up on it.
BOUNDS = (0.0, 0.1, FUTILE_AT, 0.35, 0.5, 0.6, 0.7, 0.8)
CAPS = (3, 4, 6, 8, 12, 16, 20, 30, 40, 60, 100, 150, 200)
#: Share of the greatest power that a design must keep.
KEEP = 0.9
_REPETITIONS = 4_000


@dataclass(frozen=True, slots=True)
class Stage:
    """One scale of a test.

    Attributes:
        effect: the effect to be found, in deviations of a paired difference at this scale.
        cost: compute of one pair, in any unit that both stages share.
        most: largest cap allowed.
    """

    effect: float
    cost: float
    most: int


@dataclass(frozen=True, slots=True)
class Choice:
    """A design and what it does."""

    pairs: int
    confirm_pairs: int
    futile_at: float
    power: float
    """Chance that a proposal with the effect passes both stages."""
    null_pairs: float
    """Mean pairs of the first stage that a proposal without effect costs."""
    null_cost: float
    cost: float
    """Compute per discovery; inf if nothing is ever found."""


def best_design(replicate: Stage, confirm: Stage, threshold: float, share: float = 0.1, seed: int = 0) -> Choice:
    """The design of least compute per discovery among those that keep `KEEP` of the power.

    Args:
        replicate, confirm: the two stages.
        threshold: 1/level that the e-value has to reach in both.
        share: prior share of proposals with the effect.
        seed: of the simulated pairs.

    Returns:
        The best; with cost inf where no cap allowed could ever reach the threshold.
    """
    found = designs(replicate, confirm, threshold, share, seed)
    least = KEEP * max(each.power for each in found)
    return min((each for each in found if each.power >= least), key=lambda each: (each.cost, each.pairs))


def designs(replicate: Stage, confirm: Stage, threshold: float, share: float = 0.1, seed: int = 0) -> list[Choice]:
    """Every design that was considered; see `best_design`."""
    assert 0 < share < 1
    rng = np.random.default_rng(seed)
    first = rng.standard_normal((_REPETITIONS, replicate.most))
    second = rng.standard_normal((_REPETITIONS, confirm.most))
    alternative = min(max(ALTERNATIVE, replicate.effect), CLEAR)
    found: list[Choice] = []
    confirmed = {cap: _run(second + confirm.effect, threshold, cap, 0.0, 0.0, 3) for cap in caps(confirm.most)}
    for cap in caps(replicate.most):
        for bound in BOUNDS:
            passed, used = _run(first + replicate.effect, threshold, cap, bound, alternative)
            null_passed, null_used = _run(first, threshold, cap, bound, alternative)
            for confirm_cap, (confirm_passed, confirm_used) in confirmed.items():
                power = passed * confirm_passed
                # What passes by chance is rare, and its confirmation costs at most the cap.
                null_cost = null_used * replicate.cost + null_passed * confirm_cap * confirm.cost
                with_effect = used * replicate.cost + passed * confirm_used * confirm.cost
                spent = share * with_effect + (1 - share) * null_cost
                cost = spent / (share * power) if power > 0 else np.inf
                found.append(Choice(cap, confirm_cap, bound, power, null_used, null_cost, float(cost)))
    return found


def caps(most: int) -> Sequence[int]:
    """Caps that are tried where `most` pairs are allowed."""
    return [cap for cap in CAPS if cap < most] + [most]


def _run(
    pairs: Floats, threshold: float, cap: int, bound: float, alternative: float, start: int = 1
) -> tuple[float, float]:
    """Share of rows whose e-value reaches the threshold within `cap` pairs before futility, and mean pairs spent."""
    rows = len(pairs)
    n = np.arange(1, cap + 1)
    total = np.cumsum(pairs[:, :cap], axis=1)
    mean = total / n
    squares = np.cumsum(pairs[:, :cap] ** 2, axis=1) - n * mean**2
    with np.errstate(divide="ignore", invalid="ignore"):
        standardised = mean / np.sqrt(np.maximum(squares, 0.0) / (n - 1))
    standardised[:, 0] = 0.0
    reached = standardised >= np.array([critical_effect(int(k), threshold) for k in n])
    stopped = standardised < np.array([futility_effect(int(k), threshold, cap) if k > 1 else -np.inf for k in n])
    if bound > 0:
        stopped |= alternative * (total - n * alternative / 2) < np.log(bound)
    stopped[:, -1] = True
    reached[:, : start - 1] = stopped[:, : min(start, cap) - 1] = False
    # At equal n promotion is asked first.
    end = np.argmax(reached | stopped, axis=1)
    return float(reached[np.arange(rows), end].mean()), float((end + 1).mean())
