"""The published mixtures and losses of RegMix."""

import numpy as np
import pytest
from scipy import stats

from assay.evidence.mixtures.model import fit_model
from assay.evidence.mixtures.table import shares_of, training_table
from assay.evidence.tables import read_table

from .planted import REGMIX, needs_regmix

TARGET = "metric/the_pile_pile_cc_val_loss"


@needs_regmix
@pytest.mark.slow
@pytest.mark.parametrize(("regressor", "least_1m", "least_60m"), [("gp", 0.98, 0.97), ("linear", 0.89, 0.88)])
def test_losses_of_mixtures_never_seen_are_ranked(regressor: str, least_1m: float, least_60m: float) -> None:
    table = training_table(
        read_table(REGMIX / "train_mixture_1m.csv"), [TARGET], losses=read_table(REGMIX / "train_pile_loss_1m.csv")
    )
    assert len(table.domains) == 17
    model = fit_model(table, regressor)
    for size, least in (("1m", least_1m), ("60m", least_60m)):
        mixtures = shares_of(read_table(REGMIX / f"test_mixture_{size}.csv"), table.domains)
        measured = read_table(REGMIX / f"test_pile_loss_{size}.csv").numbers(TARGET)
        prediction = model.fitted[TARGET].predict(mixtures)
        assert stats.spearmanr(prediction.mean, measured)[0] >= least
        if regressor == "gp":  # the best three differ by less than a run's noise
            assert prediction.mean.argmin() in np.argsort(measured)[:3]
        if size == "1m":  # the losses of the larger model are others altogether
            inside = np.mean(np.abs(prediction.mean - measured) < 1.96 * prediction.sd)
            assert 0.9 < inside < 0.99


@needs_regmix
def test_weights_are_found_in_the_joined_table() -> None:
    table = training_table(
        read_table(REGMIX / "train_mixture_1m.csv"), ["metric/*"], losses=read_table(REGMIX / "train_pile_loss_1m.csv")
    )
    assert len(table.domains) == 17
    assert all(name.startswith("train_") for name in table.domains)
    assert len(table.targets) == 13
