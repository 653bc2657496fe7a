"""The weighted mean of several targets, against each of them, against itself, and on RegMix's published losses."""

import numpy as np
import pytest
from scipy import stats

from assay.evidence.mixtures.gp import GaussianProcess
from assay.evidence.mixtures.model import combined, fit_model
from assay.evidence.mixtures.table import MixtureTable, training_table
from assay.evidence.mixtures.weighted import WeightedMean
from assay.evidence.tables import read_table

from .planted import REGMIX, Floats, loss, mixtures, needs_regmix

ROWS = mixtures(30, 3, 1)
POINTS = mixtures(20, 3, 2)


def measured(seed: int) -> Floats:
    return loss(ROWS) + 0.05 * np.random.default_rng(seed).standard_normal(len(ROWS))


def test_a_target_averaged_with_itself_is_itself() -> None:
    values = measured(3)
    one = GaussianProcess.fit(ROWS, values)
    both = WeightedMean([one, one], np.stack([values, values]), np.array([0.3, 0.7]))
    alone, twice = one.predict(POINTS), both.predict(POINTS)
    for name in ("mean", "sd", "sd_mean"):
        np.testing.assert_allclose(getattr(twice, name), getattr(alone, name), rtol=1e-6)
    np.testing.assert_allclose(both.covariance(POINTS, POINTS), one.covariance(POINTS, POINTS), atol=1e-9)


def test_errors_that_cancel_leave_a_mean_that_is_known_better_than_either() -> None:
    noise = 0.2 * np.random.default_rng(4).standard_normal(len(ROWS))
    parts = [loss(ROWS) + noise, loss(ROWS) - noise]
    fits = [GaussianProcess.fit(ROWS, values) for values in parts]
    mean = WeightedMean(fits, np.stack(parts), np.array([0.5, 0.5]))
    assert mean.correlation[0, 1] < -0.5
    assert np.all(mean.predict(POINTS).sd < 0.5 * fits[0].predict(POINTS).sd)


def test_covariances_are_those_of_some_distribution() -> None:
    parts = [measured(seed) for seed in range(3)]
    mean = WeightedMean([GaussianProcess.fit(ROWS, each) for each in parts], np.stack(parts), np.full(3, 1 / 3))
    covariance = mean.covariance(POINTS, POINTS)
    assert covariance is not None
    assert np.linalg.eigvalsh(covariance)[0] > -1e-12
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), mean.predict(POINTS).sd_mean, rtol=1e-6)


@needs_regmix
@pytest.mark.slow
def test_few_published_mixtures_rank_the_rest() -> None:
    """24 of RegMix's 512 mixtures: the mean over 13 domains from its parts, and as a target of its own."""
    table = training_table(
        read_table(REGMIX / "train_mixture_1m.csv"), ["metric/*"], losses=read_table(REGMIX / "train_pile_loss_1m.csv")
    )
    means = np.mean(list(table.targets.values()), axis=0)
    ranks, inside = [], []
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(len(means))
        few, rest = order[:24], order[24:]
        of = {name: values[few] for name, values in table.targets.items()}
        predictor, shares = combined(fit_model(MixtureTable("few", table.domains, table.weights[few], of, ())))
        assert len(shares) == 13
        prediction = predictor.predict(table.weights[rest])
        whole = GaussianProcess.fit(table.weights[few], means[few]).predict(table.weights[rest])
        ranks.append([stats.spearmanr(each.mean, means[rest])[0] for each in (prediction, whole)])
        inside.append(np.mean(np.abs(prediction.mean - means[rest]) < 1.96 * prediction.sd))
    parts, alone = np.mean(ranks, axis=0)
    assert parts > 0.9
    assert parts > alone + 0.2
    assert 0.88 < np.mean(inside) < 0.99
