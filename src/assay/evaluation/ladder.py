"""What the vault gives away, and how long it is worth something: the Ladder, for paired differences.

A leaderboard that prints scores on a fixed test set can be climbed by noise: who sees enough scores fits the set.
The Ladder answers only whether an entry beats the best one so far by more than a step; its parameter-free form takes
one standard error of the paired differences as that step (Blum & Hardt 2015, "The Ladder: A Reliable Leaderboard for
Machine Learning Competitions", algorithm 2). Here the best so far is the champion, the differences are those of
documents and of the confirmation's seed pairs, both of which the step counts as drawn by chance, and the answer is one
bit.

What k bits can reveal. Whoever asks adaptively asks a question that is a function of the bits before it, so all
questions that could ever be asked are the nodes of a binary tree, fixed before the vault is touched: fewer than 2ᵏ of
them after k answers. A union bound over them takes the place of one over what was asked (Dwork et al. 2015,
"Generalization in Adaptive Data Analysis and Holdout Reuse", section 4: description length). With n documents whose
differences deviate by s, the vault's mean then lies within s·√(2 ln(2·2ᵏ/0.05)/n) of the truth for all of them at
once, with 95% confidence (Gaussian means; for means of n documents a central limit, not exact).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

ERROR = 0.05


class Answer(NamedTuple):
    """What a query found. Only `bit` may leave the vault."""

    bit: bool
    mean: float
    step: float
    spread: float
    """Deviation of one document's difference."""
    documents: float
    """How many documents of equal weight would give such a mean: 1/Σv²."""


def ask(differences: Sequence[Sequence[float]], weights: Sequence[float]) -> Answer:
    """Whether the candidate beats the champion by more than the Ladder's step.

    The step is one standard error of a mean over documents and seed pairs that are both drawn by chance: the sum of
    the two variances of means, which counts what documents and pairs have to themselves twice, and so errs upwards.

    Args:
        differences: champion minus candidate, bits per byte, a row for each of at least two seed pairs, with at least
            two documents.
        weights: of each document in the score, summing to one.
    """
    pairs, n = len(differences), len(weights)
    assert pairs >= 2
    assert n >= 2
    documents = [math.fsum(column) / pairs for column in zip(*differences, strict=True)]
    seeds = [math.fsum(v * d for v, d in zip(weights, row, strict=True)) for row in differences]
    mean = math.fsum(seeds) / pairs
    squares = math.fsum(v * v for v in weights)
    by_document = math.fsum((v * (d - mean)) ** 2 for v, d in zip(weights, documents, strict=True)) * n / (n - 1)
    by_seed = math.fsum((s - mean) ** 2 for s in seeds) / (pairs * (pairs - 1))
    step = math.sqrt(by_document + by_seed)
    return Answer(mean > step, mean, step, math.sqrt(by_document / squares), 1 / squares)


def deviation(queries: int, documents: float, spread: float) -> float:
    """How far the vault's mean may lie from the truth after so many answers, in the unit of `spread`, at 95%."""
    return spread * math.sqrt(2 * math.log(2 * 2**queries / ERROR) / documents)


def lasting(documents: float, spread: float, smallest: float) -> int:
    """How many queries can be made before `deviation` exceeds the smallest effect worth having (same unit)."""
    left = documents * (smallest / spread) ** 2 / 2 - math.log(2 / ERROR)
    return max(0, math.floor(left / math.log(2) + 1e-9))
