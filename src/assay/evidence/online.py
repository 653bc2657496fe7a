"""Error control over a whole campaign: e-LOND (Xu & Ramdas 2024, "Online multiple testing with e-values").

Proposal number t is promoted only if its e-value reaches 1/α_t with

    α_t = fdr · γ_t · (k_t + 1),   γ_t = 6/(π²t²),   Σ_t γ_t = 1,

k_t the number of promotions so far. Then the expected share of false ones among all promotions is at most `fdr` at
any time, whatever the dependence between proposals (which share the champion's runs and are chosen in the light of
earlier results).

Proof. Let V_t = 1{t is promoted and its null is true} and R the number of promotions, looked at whenever one likes.
If t is promoted, then e_t·α_t ≥ 1 and R ≥ k_t + 1, because the k_t promotions counted for it are others. So

    V_t/max(R, 1) ≤ e_t·α_t/(k_t + 1) = fdr·γ_t·e_t   for a true null,

and with E[e_t] ≤ 1 the sum of expectations over the true nulls is at most fdr·Σγ_t ≤ fdr. ∎

The proof asks of t only that each number is used once, and of k_t only that it counts promotions that stand when t is
decided; it may thus be counted at registration or, less strictly, at the decision, and tests may end in any order.
Numbers go to hypotheses when they are registered, before any of their runs; a retest against a new champion is a new
hypothesis with a new number.

What E[e_t] ≤ 1 asks: e_t is stopped by a rule that sees only its own scale-free statistics and a threshold that is
independent of its differences (`sequential`). The threshold depends on earlier tests, so this is exact for
differences from seeds that no earlier test used, which is why a promotion needs a confirmation on fresh seeds: the
lesser of the two stages' e-values is at most the one from fresh seeds. The stage with shared seeds is a further
condition. What is at risk in it alone is the claim at its own scale.
"""

import math


def gamma(number: int) -> float:
    """Share of the error budget of hypothesis `number` (from 1): 6/(π²·number²). The shares add up to 1."""
    return 6.0 / (math.pi * number) ** 2


def level(fdr: float, number: int, promotions: int) -> float:
    """Level α_t of hypothesis `number` when `promotions` others stand promoted; its e-value must reach 1/α_t."""
    return fdr * gamma(number) * (promotions + 1)
