"""The Ladder's bit, and the worth that bits use up: by the formulas, and against who climbs by noise."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from assay.evaluation.ladder import ERROR, ask, deviation, lasting

N = 100


def one_vault(row: np.ndarray) -> list[list[float]]:
    """The same differences at both of two seed pairs, so that only documents count as drawn by chance."""
    return [row.tolist(), row.tolist()]


def test_the_step_is_one_standard_error_of_the_paired_differences() -> None:
    rng = np.random.default_rng(0)
    differences = rng.normal(0.3, 1.0, N)
    found = ask(one_vault(differences), [1 / N] * N)
    assert found.step == pytest.approx(differences.std(ddof=1) / math.sqrt(N))
    assert found.mean == pytest.approx(differences.mean())
    assert found.documents == pytest.approx(N)
    assert found.spread == pytest.approx(differences.std(ddof=1))
    just = differences - differences.mean() + found.step
    assert ask(one_vault(just + 1e-9), [1 / N] * N).bit
    assert not ask(one_vault(just - 1e-9), [1 / N] * N).bit


def test_the_step_is_the_deviation_of_the_mean_over_documents_and_seeds() -> None:
    rng = np.random.default_rng(1)
    weights = np.concatenate([np.full(10, 0.05), np.full(90, 0.5 / 90)])
    found = []
    for _ in range(4000):
        rows = rng.normal(0, 0.3, (4, 1)) + rng.normal(0, 1, N) + rng.normal(0, 0.2, (4, N))
        found.append(ask(rows.tolist(), weights.tolist()))
    assert found[0].documents == pytest.approx(1 / (weights**2).sum())
    assert np.sqrt(np.mean([f.step**2 for f in found])) == pytest.approx(np.std([f.mean for f in found]), rel=0.06)


def climb(answer: Callable[[np.ndarray], float], questions: int, rng: np.random.Generator) -> np.ndarray:
    """An attacker's entry after so many questions: random directions, kept where the answer says that they help.

    An entry is an effect a document; nothing in it is true of documents in general. Blum & Hardt's boosting attack
    (section 4.1), for paired differences: sum up the directions that the answers speak for.
    """
    found = np.zeros(N)
    for _ in range(questions):
        direction = rng.normal(0, 1, N)
        found += answer(direction) * direction
    scale = np.linalg.norm(found)
    return found * math.sqrt(N) / scale if scale else found


def test_exact_scores_can_be_climbed_and_the_ladder_cannot() -> None:
    """The same attacker, with as many questions as the vault allows itself, over 40 vaults.

    Documents differ by 1 (s = 1); the attacker's entry is an effect per document of unit variance on this vault's
    documents. Truly it is worth nothing: on fresh documents its mean is zero, since it knows only these ones' noise.
    """
    allowed = 12
    exact, bits = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        noise = rng.normal(0, 1, N)  # what these documents are like, beyond what documents are like

        def score(direction: np.ndarray, noise: np.ndarray = noise) -> float:
            return float((direction * noise).mean())

        def bit(direction: np.ndarray, noise: np.ndarray = noise) -> float:
            return float(ask(one_vault(direction * noise), [1 / N] * N).bit)

        exact.append(score(climb(score, 2_000, np.random.default_rng(1000 + seed))))
        bits.append(score(climb(bit, allowed, np.random.default_rng(2000 + seed))))
    bound = deviation(allowed, N, 1.0)
    assert np.mean(exact) > bound, "with 2,000 exact scores the attacker is far beyond what chance gives"
    assert max(bits) < bound, "within the bits' allowance nobody leaves the bound"
    assert np.mean(exact) > 2 * np.mean(bits)


def test_the_bound_covers_the_most_adaptive_asker() -> None:
    """Each question is chosen from a tree by the bits before it; the union bound holds for the worst of them."""
    rng = np.random.default_rng(5)
    k, trials, beyond = 6, 400, 0
    for _ in range(trials):
        vault = rng.normal(0, 1, (2**k, N))  # every question that could be asked, true mean zero
        worst = vault.mean(axis=1).max()  # an asker who is always led to the luckiest of them
        beyond += worst > deviation(k, N, 1.0)
    assert beyond <= 0.05 * trials


def test_worth_follows_the_formula() -> None:
    n, s, smallest = 220.0, 0.5, 0.25
    for k in (0, 3, 10):
        assert deviation(k, n, s) == pytest.approx(s * math.sqrt(2 * math.log(2 * 2**k / ERROR) / n))
    allowed = lasting(n, s, smallest)
    assert deviation(allowed, n, s) <= smallest < deviation(allowed + 1, n, s)
    assert lasting(4 * n, s, smallest) > 4 * allowed
    assert lasting(10, 1.0, 0.25) == 0, "a small vault cannot answer one question that finely"


def pass_rate(effect: float, trials: int = 2000) -> float:
    """How often an effect passes, in deviations of a paired difference over seeds, with three pairs at confirmation.

    Seeds move all documents together by 1 (0.6% of the score, say) and each document by 1 besides; the vault has 150.
    """
    rng = np.random.default_rng(11)
    n, passed = 150, 0
    for _ in range(trials):
        rows = effect + rng.normal(0, 1, (3, 1)) + rng.normal(0, 1, n) + rng.normal(0, 0.3, (3, n))
        passed += ask(rows.tolist(), [1 / n] * n).bit
    return passed / trials


def test_true_effects_are_rarely_refused_and_none_are_often() -> None:
    assert pass_rate(2.0) >= 0.95
    assert pass_rate(0.0) <= 0.25, "a step of one standard error: 16% for a Gaussian, more with three pairs"
