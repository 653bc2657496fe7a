"""The training loss: cross-entropy, the z-loss beside it, and what is reported."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from assay.corpus.packed import IGNORED
from assay.spec.recipe import Recipe, changed
from assay.spec.scale import Scale
from assay.training.main import train
from assay.training.objective import TokenBatch, objective
from tests.training.test_model import build
from tests.training.tiny import write_order

SHORT = Scale(name="short", width=16, depth=1, flops=2e8)
TOKENS, TARGETS = torch.randint(257, (2, 4, 16), generator=torch.Generator().manual_seed(1))
TARGETS[1, 10:] = IGNORED  # padding
BATCH = TokenBatch(TOKENS, TARGETS)


@pytest.mark.parametrize("z_loss", [0.0, 0.3])
def test_the_total_is_cross_entropy_and_the_z_loss_and_nats_are_without_it(z_loss: float) -> None:
    model, _ = build()
    losses = objective(model, BATCH, changed(Recipe(), {"optimiser.z_loss": z_loss}))
    logits = model(BATCH.tokens).detach().double().numpy()
    z = np.log(np.exp(logits).sum(-1))
    real = TARGETS.numpy() != IGNORED
    nats = z - np.take_along_axis(logits, np.where(real, TARGETS.numpy(), 0)[..., None], -1)[..., 0]
    np.testing.assert_allclose(losses.nats_BT.numpy(), np.where(real, nats, 0.0), rtol=1e-5)
    assert not losses.nats_BT.requires_grad
    assert losses.total.item() == pytest.approx((nats + z_loss * z**2)[real].mean(), rel=1e-6)


def test_the_z_loss_pulls_the_normaliser_to_one_in_training_and_is_no_part_of_what_is_reported(
    tmp_path: Path, corpus: Path
) -> None:
    first = {}
    for name, z_loss in (("off", 0.0), ("on", 1e-2)):
        train(write_order(tmp_path / name, corpus, {"optimiser.z_loss": z_loss}, SHORT))
        rows = [json.loads(line) for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        first[name] = rows[0]["loss"], rows[-1]["loss"]
    assert first["on"][0] == first["off"][0]  # the same weights and batch; ln 257 squared would be 30 nats · 0.01
    assert first["on"][1] != first["off"][1]
