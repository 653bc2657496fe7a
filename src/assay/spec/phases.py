"""Batch-size warm-up: a run in phases of equal steps, whose compute adds up to the scale's budget."""

from typing import NamedTuple

SMALLER = (4, 2)  # the batch is divided by these, one after the other, before it is whole


class Phase(NamedTuple):
    """Equal steps in a row."""

    steps: int
    batch: int  # sequences a step
    flops: float  # of one step


def phases(
    budget: float, warmup: float, batch: int, context: int, flops_per_token: float, update_flops: float
) -> tuple[Phase, ...]:
    """The phases of a run of `budget` FLOPs.

    A fraction `warmup` of the run's tokens is read in smaller batches, in equal parts at a quarter and at half of the
    batch (but at least one sequence), the rest in whole ones. Small steps cost as many updates as large ones
    (`update_flops`), so that with an optimiser whose update is dear the run has fewer tokens. What the budget comes to
    short of one whole step is left over, as without warm-up. Small batches early, where the gradient's noise scale
    is small: McCandlish et al. 2018, "An Empirical Model of Large-Batch Training".
    """
    shares = [*[(warmup / len(SMALLER), max(1, batch // divisor)) for divisor in SMALLER], (1.0 - warmup, batch)]
    flops_of = {rows: flops_per_token * (context * rows) + update_flops for _, rows in shares}
    mean = sum(share * flops_of[rows] / rows for share, rows in shares)  # of a sequence
    found: list[Phase] = []
    left = budget
    for share, rows in shares[:-1] if warmup else []:
        steps = int(share * budget / mean / rows)
        found.append(Phase(steps, rows, flops_of[rows]))
        left -= steps * flops_of[rows]
    found.append(Phase(int(left // flops_of[batch]), batch, flops_of[batch]))
    return tuple(phase for phase in found if phase.steps)
