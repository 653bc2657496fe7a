"""The model of grades against plain optimisation, and what training finds in planted data."""

import numpy as np
import pytest
from scipy.optimize import check_grad, minimize

from assay.corpus.quality import ordinal
from assay.corpus.quality.calibration import calibrate, ece
from assay.corpus.quality.training import Labelled, train
from assay.corpus.texts import Texts
from assay.spec.errors import UserError


def simulated(seed: int, n: int = 120, levels: int = 4) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    features = random.normal(size=(n, 5))
    ranks = features @ np.array([1.5, -1, 0.5, 0, 0]) + random.logistic(size=n)
    return features, np.digitize(ranks, np.quantile(ranks, np.arange(1, levels) / levels))


def naive(features: np.ndarray, places: np.ndarray, weights: np.ndarray, thresholds: np.ndarray) -> float:
    """−log likelihood straight from the definition."""
    above = 1 / (1 + np.exp(-(features @ weights)[:, None] + thresholds))
    full = np.concatenate((np.ones((len(places), 1)), above, np.zeros((len(places), 1))), axis=1)
    chance = full[:, :-1] - full[:, 1:]
    return -float(np.log(chance[np.arange(len(places)), places]).sum())


@pytest.mark.parametrize(("levels", "penalty"), [(2, 0.5), (4, 0.5), (4, 5.0), (6, 0.1)])
def test_optimum_is_that_of_plain_optimisation(levels: int, penalty: float) -> None:
    features, places = simulated(levels, levels=levels)
    found = ordinal.fit(features, places, levels, penalty)

    def objective(parameters: np.ndarray) -> float:
        weights, thresholds = parameters[:5], parameters[5:]
        if np.any(np.diff(thresholds) <= 0):
            return np.inf
        return naive(features, places, weights, thresholds) + penalty / 2 * float(weights @ weights)

    start = np.concatenate((np.zeros(5), np.linspace(-1, 1, levels - 1)))
    plain = minimize(objective, start, method="Nelder-Mead", options={"maxfev": 20_000, "xatol": 1e-7, "fatol": 1e-9})
    mine = np.concatenate((found.weights, found.thresholds))
    assert objective(mine) <= plain.fun + 1e-5
    np.testing.assert_allclose(mine, plain.x, atol=2e-2)
    assert ordinal.log_loss(found, features @ found.weights, places) * len(places) == pytest.approx(
        naive(features, places, found.weights, found.thresholds)
    )


def test_derivatives() -> None:
    features, places = simulated(3)
    ranks, thresholds = features @ np.ones(5), np.array([-1.0, 0.2, 1.5])
    by_rank = check_grad(
        lambda x: ordinal._loss(x, thresholds, places)[0], lambda x: ordinal._loss(x, thresholds, places)[1], ranks
    )
    by_threshold = check_grad(
        lambda x: ordinal._loss(ranks, x, places)[0], lambda x: ordinal._loss(ranks, x, places)[2], thresholds
    )
    assert max(by_rank, by_threshold) < 1e-4


def planted(n: int, seed: int = 0, noise: float = 0.0) -> Labelled:
    """Texts of random words whose grade is the share of good words among their marked ones."""
    random = np.random.default_rng(seed)
    filler = [f"w{i}" for i in range(200)]
    texts, grades = [], []
    for _ in range(n):
        grade = int(random.integers(0, 6))
        words = list(random.choice(filler, 40)) + ["theorem"] * grade + ["click"] * (5 - grade)
        random.shuffle(words)
        texts.append(" ".join(words))
        grades.append(int(np.clip(round(grade + random.normal(0, noise)), 0, 5)) if noise else grade)
    return Labelled(Texts.of(texts), np.array(grades), [str(i) for i in range(n)], ["d"] * n)


def test_finds_what_was_planted_and_is_calibrated() -> None:
    labelled = planted(250, noise=1.0)
    trained = train(labelled)
    assert np.corrcoef(trained.scores(), labelled.grades)[0, 1] > 0.8  # the noise allows 0.86
    found = calibrate(trained.chances[:, 2], labelled.grades >= 3, labelled.groups)
    assert found.brier < 0.6 * found.base
    assert found.ece < 0.1
    assert found.lo <= found.ece <= found.hi


def test_labels_at_random_teach_nothing() -> None:
    """Predictions are of labels not seen: with grades dealt out anew nothing can be predicted."""
    labelled = planted(200)
    shuffled = Labelled(labelled.texts, np.random.default_rng(1).permutation(labelled.grades), labelled.groups, [])
    assert abs(np.corrcoef(train(shuffled).scores(), shuffled.grades)[0, 1]) < 0.25


def test_parts_of_a_document_are_not_on_both_sides() -> None:
    """Copies with the same grade would be known by heart, were they not kept together."""
    base = planted(60)
    grades = np.random.default_rng(2).permutation(base.grades)
    copies = Labelled(Texts.of(list(base.texts) * 4), np.tile(grades, 4), list(base.groups) * 4, [])
    assert abs(np.corrcoef(train(copies).scores(), copies.grades)[0, 1]) < 0.4


def test_same_labels_same_model() -> None:
    one, two = train(planted(60)), train(planted(60))
    np.testing.assert_array_equal(one.fit.weights, two.fit.weights)


@pytest.mark.parametrize(("grades", "named"), [([1] * 5, "only 5 labels"), ([3] * 40, "do not differ"),
                                                ([3] * 38 + [1, 5], "do not differ")])  # fmt: skip
def test_labels_that_cannot_teach(grades: list[int], named: str) -> None:
    texts = Texts.of([f"some text {i}" for i in range(len(grades))])
    with pytest.raises(UserError, match=named):
        train(Labelled(texts, np.array(grades), [str(i) for i in range(len(grades))], []))


def test_rare_grades_join_their_neighbours() -> None:
    labelled = planted(60)
    grades = np.where(labelled.grades < 3, 2, 4)
    grades[:2] = 0
    grades[2:4] = 5
    assert train(Labelled(labelled.texts, grades, labelled.groups, [])).levels.tolist() == [2, 4]


def test_calibration_error_by_hand() -> None:
    chances = np.repeat([0.1, 0.9], 50)
    truth = np.concatenate((np.repeat([0, 1], [40, 10]), np.repeat([0, 1], [10, 40]))).astype(float)
    truth = np.concatenate((truth[:50][np.argsort(np.arange(50) % 5, kind="stable")], truth[50:]))
    bins = [abs(chances[i : i + 10].sum() - truth[i : i + 10].sum()) for i in range(0, 100, 10)]
    assert ece(chances, truth) == pytest.approx(sum(bins) / 100)


def test_true_chances_are_seldom_told_to_be_false() -> None:
    random = np.random.default_rng(4)
    beyond = 0
    for seed in range(5):
        chances = random.random(300)
        found = calibrate(chances, random.random(300) < chances, [str(i) for i in range(300)], seed)
        beyond += found.ece > found.perfect
    assert beyond <= 2  # 5% of 5 are expected; 3 come once in 900 times


def test_interval_of_a_share() -> None:
    """Clopper and Pearson's for 0 of 10 is [0, 0.3085]: the classical table."""
    found = calibrate(np.full(100, 0.05), np.zeros(100), [str(i) for i in range(100)])
    assert (found.bins[0].lo, found.bins[0].hi) == (0.0, pytest.approx(0.3085, abs=5e-5))
