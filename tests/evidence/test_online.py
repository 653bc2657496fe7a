"""e-LOND: its budget, and its false discovery rate where tests are dependent and chosen in the light of results."""

import math

import numpy as np
import pytest

from assay.evidence.online import gamma, level
from tests.evidence.simulate import at_most, e_values_RN, gaussian_RN


def test_shares_add_up_to_one_and_never_more() -> None:
    """What is left after N proposals lies between the integrals from N + 1 and from N."""
    spent = math.fsum(gamma(number) for number in range(1, 100_001))
    scale = gamma(1) * 11**1.5
    left = [2 * scale / math.sqrt(last + 10) for last in (100_001, 100_000)]
    assert left[0] <= 1 - spent <= left[1]
    assert all(gamma(number) > gamma(number + 1) > 0 for number in range(1, 1_000))


def test_known_levels() -> None:
    """ζ(3/2, 11) = ζ(3/2) − Σ_{n≤10} n^(−3/2), with ζ(3/2) = 2.6123753486854883 (OEIS A078434)."""
    total = 2.6123753486854883 - math.fsum(n**-1.5 for n in range(1, 11))
    assert level(0.05, 1, 0) == pytest.approx(0.05 / total / 11**1.5)
    assert level(0.05, 10, 3) == pytest.approx(4 * 0.05 / total / 20**1.5)


@pytest.mark.parametrize(("cap", "expected"), [(20, 0.99), (12, 0.56)])
def test_the_published_figures_of_the_square_and_better_ones(cap: int, expected: float) -> None:
    """Effects of two deviations over 25 proposals: gamma of 1/t² as others reported it, and ours above it."""
    most_RN = np.sort(e_values_RN(gaussian_RN(1, 20_000, cap, effect=2.0)).max(axis=1))
    square = np.mean([np.mean(most_RN >= math.pi**2 * t**2 / 0.3) for t in range(1, 26)])
    ours = np.mean([np.mean(most_RN >= 1 / level(0.05, t, 0)) for t in range(1, 26)])
    assert square == pytest.approx(expected, abs=0.015)
    assert ours > square


def promotions(
    seed: int, proposals: int, true_share: float, controlled: bool, fdr: float = 0.05, lag: int = 0
) -> tuple[int, int, int]:
    """One campaign: (false promotions, promotions, true effects) after `proposals` tests of up to 20 pairs.

    Strongly dependent: all tests share the champion's noise on each seed, and after a near miss the next proposal
    shares half of its noise too. With `lag`, tests end in another order than they are registered in.
    """
    rng = np.random.default_rng(seed)
    champion_N = rng.standard_normal(20)
    last_N = rng.standard_normal(20)
    share = math.sqrt(0.5)
    true = rng.random(proposals) < true_share
    e_values: list[np.ndarray] = []
    for number in range(proposals):
        own_N = 0.7 * last_N + math.sqrt(0.51) * rng.standard_normal(20)
        last_N = own_N if rng.random() < 0.5 else rng.standard_normal(20)
        d_N = share * champion_N + share * own_N + (2.0 if true[number] else 0.0)
        e_values.append(e_values_RN(d_N[None])[0])
    order = sorted(range(proposals), key=lambda index: index + (lag if index % 2 else 0))
    false = found = 0
    for index in order:
        alpha = level(fdr, index + 1, found) if controlled else fdr
        if (e_values[index] >= 1 / alpha).any():
            found += 1
            false += not true[index]
    return false, found, int(true.sum())


@pytest.mark.parametrize(("true_share", "lag"), [(0.0, 0), (0.2, 0), (0.2, 7)])
def test_false_discovery_rate_holds_under_dependence(true_share: float, lag: int) -> None:
    results = [promotions(seed, 30, true_share, controlled=True, lag=lag) for seed in range(300)]
    rates = np.array([false / max(found, 1) for false, found, _ in results])
    assert rates.mean() - 3 * rates.std() / math.sqrt(len(rates)) <= 0.05
    if true_share == 0:
        assert at_most(sum(found > 0 for _, found, _ in results), 300, 0.05, confidence=0.99)
    else:
        assert sum(found for _, found, _ in results) > 0.6 * sum(true for _, _, true in results)


def test_the_same_check_catches_a_campaign_without_correction() -> None:
    results = [promotions(seed, 30, 0.0, controlled=False) for seed in range(300)]
    assert not at_most(sum(found > 0 for _, found, _ in results), 300, 0.05, confidence=0.99)
    rates = np.array([false / max(found, 1) for false, found, _ in results])
    assert rates.mean() - 3 * rates.std() / math.sqrt(len(rates)) > 0.05


@pytest.mark.slow
def test_two_thousand_campaigns_that_change_nothing() -> None:
    results = [promotions(1_000 + seed, 50, 0.0, controlled=True) for seed in range(2_000)]
    assert at_most(sum(found > 0 for _, found, _ in results), 2_000, 0.05, confidence=0.99)
