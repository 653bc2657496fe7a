"""What training makes of batches: padding teaches nothing; tokens, compute and repeats are counted as they are."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from assay.spec.scale import shape_at
from assay.training.main import train
from assay.training.model import GPT
from assay.training.objective import TokenBatch, objective
from tests.training.tiny import TINY, recipe, weights, write_order


def test_padding_teaches_nothing() -> None:
    """The mean is over what is not padding, and a row that is cut where its padding begins has the same gradient."""
    shape = shape_at(recipe(), TINY, 257)
    rng = np.random.default_rng(0)
    tokens, targets = (torch.from_numpy(rng.integers(0, 256, (1, 16))) for _ in range(2))
    targets[:, 11:] = -100
    found = []
    for end in (11, 16):
        model = GPT(shape, recipe().model, 3)
        losses = objective(model, TokenBatch(tokens[:, :end], targets[:, :end]), recipe())
        losses.total.backward()
        assert losses.nats_BT[:, 11:].count_nonzero() == 0
        found.append((losses.total, [parameter.grad for parameter in model.parameters()]))
    assert found[0][0].item() == pytest.approx(found[1][0].item(), rel=1e-6)
    for one, other in zip(found[0][1], found[1][1], strict=True):
        assert one is not None
        assert other is not None
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-7)


def test_tokens_compute_and_repeats_are_what_was_read(tmp_path: Path, corpus: Path) -> None:
    """Of documents of 30 tokens or more in contexts of 24, so that there is padding, with a batch that warms up."""
    change = {"data.packing": "best_fit", "data.context": 24, "data.batch": 8, "data.batch_warmup": 0.5}
    result = train(write_order(tmp_path, corpus, change))
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    shape = shape_at(recipe(change), TINY, 257)
    assert (result.steps, result.flops) == (shape.steps, shape.flops)
    manifest = json.loads((corpus / "manifest.json").read_text())
    tokens = {name: domain["train"]["tokens"] for name, domain in manifest["domains"].items()}
    read = {name: drawn.tokens for name, drawn in result.domains.items()}
    assert result.tokens == rows[-1]["tokens"] == sum(read.values())
    assert 0.9 * shape.tokens < result.tokens < shape.tokens
    steps = np.diff([0, *(row["tokens"] for row in rows)])
    batches = np.array([shape.phase_at(step).batch for step in range(shape.steps)])
    assert sorted(set(batches)) == [2, 4, 8]
    assert (steps <= 24 * batches).all()
    assert (steps > 20 * batches).mean() > 0.5
    for name, drawn in result.domains.items():
        assert drawn.epochs == pytest.approx(drawn.tokens / tokens[name])
        assert drawn.epochs > 1


def test_a_run_whose_data_follow_its_losses_is_resumed_to_the_same_bits(tmp_path: Path, corpus: Path) -> None:
    """Stopped three times: while the batch warms up, while domains are reweighted, and in the closing stage."""
    change = {
        "data.packing": "best_fit", "data.document_mask": True, "data.reweight": 2.0, "data.batch_warmup": 0.3,
        "data.closing.share": 0.3, "data.closing.mixture": {"code": 0.8, "docs": 0.2},
    }  # fmt: skip
    scale = TINY.model_copy(update={"flops": 3e8})
    whole = train(write_order(tmp_path / "whole", corpus, change, scale))
    steps = shape_at(recipe(change), scale, 257).steps
    for stop in (steps // 8, steps // 2, 7 * steps // 8, None):
        resumed = train(write_order(tmp_path / "resumed", corpus, change, scale, stop_at_step=stop))
    assert weights(tmp_path / "whole") == weights(tmp_path / "resumed")
    assert (whole.domains, whole.tokens, whole.loss) == (resumed.domains, resumed.tokens, resumed.loss)
    plain = train(write_order(tmp_path / "plain", corpus, change | {"data.reweight": 0.0}, scale))
    assert plain.loss != whole.loss
