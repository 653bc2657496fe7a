"""Error control over a whole campaign: e-LOND (Xu & Ramdas 2024, "Online multiple testing with e-values").

Proposal number t is promoted only if its e-value reaches 1/α_t with

    α_t = fdr · γ_t · (k_t + 1),   γ_t = (t + 10)^(−3/2) / ζ(3/2, 11),   Σ_t γ_t = 1,

k_t the number of promotions so far and ζ Hurwitz's zeta function. Then the expected share of false ones among all
promotions is at most `fdr` at any time, whatever the dependence between proposals (which share the champion's runs and
are chosen in the light of earlier results).

Proof. Let V_t = 1{t is promoted and its null is true} and R the number of promotions, looked at whenever one likes.
If t is promoted, then e_t·α_t ≥ 1 and R ≥ k_t + 1, because the k_t promotions counted for it are others. So

    V_t/max(R, 1) ≤ e_t·α_t/(k_t + 1) = fdr·γ_t·e_t   for a true null,

and with E[e_t] ≤ 1 the sum of expectations over the true nulls is at most fdr·Σγ_t ≤ fdr. ∎

**Tests at the same time.** The proof asks of t only that each number is used once, and of k_t only that it counts
promotions that stand when t is decided. Here k_t is counted when t is registered, so promotions of tests that end while
t runs are not credited to it, and tests may end in any order: V_t is bounded by t's own e-value, number and k_t alone.
Numbers go to hypotheses when they are registered, before any of their runs; a retest against a new champion is a new
hypothesis with a new number. If all nulls are true, a false promotion is the first one with k_t = 0, so that the same
sum bounds the chance that a lab ever promotes anything by `fdr`.

What E[e_t] ≤ 1 asks: at a promotion, e_t is that of the first crossing of a threshold that is independent of its
differences, and all else that ends a test promotes nothing (`sequential.futile`). The threshold depends on earlier
tests, so this is exact for differences from seeds that no earlier test used, which is why a promotion needs a
confirmation on fresh seeds: the lesser of the two stages' e-values is at most the one from fresh seeds. The stage with
shared seeds is a further condition. What is at risk in it alone is the claim at its own scale.

**The choice of γ.** A lab tries tens or hundreds of changes, not infinitely many, with a cap on pairs, and a threshold
beyond what the cap can reach spends its number for nothing. What counts is therefore the power at the cap, averaged
over the proposals of a horizon that nobody knows. Per cent of true effects whose e-value reaches the threshold within
the cap, one stage, no promotions credited, mean over proposals 1 … T (20,000 simulated tests each):

    γ ∝                  1/α at t = 1, 50, 500    effect 2, cap 12     effect 1.5, cap 20   effect 2, cap 20
                                                 T=10 50 100 200 500   10 50 100 200 500    10  50 100 200 500
    t^−2                   33   82,000  8,200,000   80 38 23 12  5     92 66 50 35 19      100  96  90  79  59
    t^−1.5                 52   18,000    580,000   85 53 38 25 13     95 78 67 55 38      100  99  97  93  84
    t^−1.2                112   12,000    190,000   83 56 43 31 18     94 80 72 62 48      100  99  98  96  90
    1/(t·log²(t + 1))      33   52,000  1,300,000   77 39 25 15  7     91 68 55 43 29      100  97  93  87  75
    (t + 10)^−2           230   11,000    500,000   89 68 52 35 18     96 87 77 64 45      100 100  99  96  87
    (t + 10)^−1.5         450    5,700    140,000   83 66 54 40 24     94 86 79 70 54      100 100  99  97  93
    (t + 20)^−1.5         850    5,200    100,000   78 65 55 42 26     92 86 80 72 57      100 100  99  98  94

γ ∝ t^−2 gives a third of everything to the first two proposals, which need it least. (Over 25 proposals it finds 99% of
effects of 2 at a cap of 20 pairs and 56% at 12.) A shift spreads the budget over the proposals that come; the slower
power keeps later ones within reach of the cap. Of the sequences tried, (t + 10)^−1.5 loses least against the best one
for each horizon, seven points at most. Its price is the first few proposals of a lab, whose threshold is 450 and not
33: about two more pairs for a clear effect.
"""

from scipy import special  # pyright: ignore[reportMissingTypeStubs]

SHIFT, POWER = 10, 1.5
#: The rule in words, for whoever reads a budget.
SPENDING = f"test number t gets a share in proportion to (t + {SHIFT})^-{POWER}"
_TOTAL = float(special.zeta(POWER, SHIFT + 1))  # pyright: ignore[reportUnknownMemberType]


def gamma(number: int) -> float:
    """Share of the error budget of hypothesis `number` (from 1). The shares add up to 1."""
    return (number + SHIFT) ** -POWER / _TOTAL


def level(fdr: float, number: int, promotions: int) -> float:
    """Level α_t of hypothesis `number` when `promotions` others stand promoted; its e-value must reach 1/α_t."""
    return fdr * gamma(number) * (promotions + 1)
