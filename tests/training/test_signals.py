"""What metrics say, against plain formulas on the tensors themselves."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from assay.spec.scale import Scale
from assay.training import probe
from assay.training.main import train
from assay.training.model import GPT
from assay.training.model.layer import Layer
from assay.training.model.mlp import Mlp
from assay.training.model.moe import Experts
from assay.training.objective import TokenBatch
from assay.training.restore import load_model
from assay.training.weight_sample import WeightSample
from tests.training.test_model import build
from tests.training.tiny import write_order

SCALE = Scale(name="signals", width=32, depth=2, flops=1e9)
UNTIED = {"model.tied_embeddings": False, "model.bias": True}


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_norms_and_updates_are_those_of_the_weights(tmp_path: Path, corpus: Path) -> None:
    """Groups this small are measured whole, so the numbers follow from the checkpoints of two steps."""
    weights: list[dict[str, list[torch.Tensor]]] = []
    for step in (4, 5):
        train(write_order(tmp_path, corpus, UNTIED, SCALE, stop_at_step=step))
        model = load_model(tmp_path).model
        weights.append({name: [p.detach() for p in group] for name, group in model.parameter_groups().items()})
    row = rows(tmp_path)[-1]
    assert row["weight_norms"].keys() == {"hidden", "embedding", "head", "vectors"}
    for name, after in weights[1].items():
        norm = torch.cat([p.flatten() for p in after]).norm().item()
        moved = torch.cat([(b - a).flatten() for a, b in zip(weights[0][name], after, strict=True)]).norm().item()
        rel = 0.05 if sum(p.numel() for p in after) > 4_096 else 1e-4
        assert row["weight_norms"][name] == pytest.approx(norm, rel=rel)
        # Of embeddings only some rows move, which makes their sample less even.
        assert row["update_ratios"][name] == pytest.approx(moved / norm, rel=2 * rel)


def test_parts_add_up(tmp_path: Path, corpus: Path) -> None:
    train(write_order(tmp_path, corpus, UNTIED | {"optimiser.name": "muon"}, SCALE, stop_at_step=20, milestone_steps=9))
    found = rows(tmp_path)
    for row in found:
        assert math.hypot(*row["grad_norms"].values()) == pytest.approx(row["grad_norm"], rel=1e-4)
        assert row["losses"].keys() <= {"docs", "code"}
        assert min(row["losses"].values()) <= row["loss"] + 1e-5
        assert max(row["losses"].values()) >= row["loss"] - 1e-5
        assert row["lrs"]["hidden"] == pytest.approx(20 * row["lrs"]["embedding"], rel=1e-4)  # 0.02 and 0.001
        assert 0 < row["mfu"] < 1
        assert row["ms"].keys() >= {"data", "forward", "backward", "optimiser", "signals"}
    assert [row["step"] for row in found if "checkpoint" in row["ms"]] == [10, 19]
    assert sum(sum(row["ms"].values()) for row in found) / 1e3 == pytest.approx(found[-1]["seconds"], rel=0.01)


def test_a_sample_of_weights_tells_their_norm() -> None:
    generator = torch.Generator().manual_seed(0)
    groups = {
        "large": [torch.randn(300, 512, generator=generator), 3 * torch.randn(1000, 64, generator=generator)],
        "small": [torch.randn(7, generator=generator)],
    }
    sample = WeightSample(groups)
    changes = [[0.01 * torch.randn(t.shape, generator=generator) for t in group] for group in groups.values()]
    for group, by in zip(groups.values(), changes, strict=True):
        for tensor, change in zip(group, by, strict=True):
            tensor += change
    sample.look()
    moved = sample.read()
    for i, (group, by, rel) in enumerate(zip(groups.values(), changes, (0.04, 1e-4), strict=True)):
        assert moved.weights[0, i].item() == pytest.approx(math.hypot(*(t.norm().item() for t in group)), rel=rel)
        assert moved.update[0, i].item() == pytest.approx(math.hypot(*(t.norm().item() for t in by)), rel=rel)


def batch() -> TokenBatch:
    tokens = torch.randint(257, (4, 16), generator=torch.Generator().manual_seed(1))
    return TokenBatch(tokens, tokens)


def layers(model: GPT) -> list[Layer]:
    return [layer for layer in model.layers if isinstance(layer, Layer)]


OPTIONS = [
    {},
    {"model.query_heads_per_kv": 2, "model.position": "rope", "model.qk_norm": True, "model.mlp": "relu2"},
    {"model.window": 4, "model.norm_place": "sandwich", "model.mlp": "swiglu"},
]


@pytest.mark.parametrize("change", OPTIONS, ids=["defaults", "grouped", "window"])
def test_what_is_seen_inside(change: dict[str, Any]) -> None:
    model, shape = build(change)
    streams, hidden = [], []
    for layer in layers(model):
        layer.register_forward_hook(lambda _m, _i, x: streams.append(x))
        layer.mlp.down.register_forward_pre_hook(lambda _m, i: hidden.append(i[0]))
    with torch.no_grad():
        logits = model(batch().tokens)
    expected = [x.pow(2).mean().sqrt().item() for x in streams]
    largest, scale = [h.abs().amax((0, 1)) for h in hidden], [h.pow(2).mean().sqrt() for h in hidden]
    found = probe.look_inside(model, batch())
    assert found["activation_rms"] == pytest.approx(expected)
    assert found["dead_units"] == pytest.approx(
        [(a <= 0.01 * s).float().mean().item() for a, s in zip(largest, scale, strict=True)]
    )
    assert found["logit_range"] == pytest.approx([logits.min().item(), logits.max().item()])
    assert len(found["attention_entropy"]) == shape.depth


def still(model: GPT) -> None:
    """Queries of zero: every token looks at all that it may see alike."""
    for layer in layers(model):
        nn.init.zeros_(layer.attention.qkv.weight)


@pytest.mark.parametrize(("window", "sees"), [(0, lambda t: t), (4, lambda t: min(t, 4))])
def test_the_entropy_of_even_attention_is_known(window: int, sees: Any) -> None:
    model, _ = build({"model.window": window, "model.full_every": 100})
    still(model)
    found = probe.look_inside(model, batch())["attention_entropy"]
    even = sum(math.log(sees(t)) for t in range(1, 17)) / 16
    assert found[0] == pytest.approx(even, rel=1e-5)


def test_units_that_never_speak_are_counted_dead() -> None:
    model, shape = build({"model.mlp": "relu2"})
    with torch.no_grad():
        mlp = layers(model)[0].mlp
        assert isinstance(mlp, Mlp)
        mlp.up.weight[: shape.mlp_hidden // 4] = 0
    assert probe.look_inside(model, batch())["dead_units"][0] == pytest.approx(0.25, abs=0.02)


def test_loads_of_experts() -> None:
    model, _ = build({"model.experts": 4, "model.experts_per_token": 1})
    for layer in layers(model):
        assert isinstance(layer.mlp, Experts)
        layer.mlp.bias.copy_(torch.tensor([9.0, 0, 0, 0]))
    found = probe.look_inside(model, batch())
    assert found["expert_load"] == pytest.approx([4.0] * len(model.layers))
    assert found["idle_experts"] == pytest.approx([0.75] * len(model.layers))


@pytest.mark.parametrize("change", [{}, {"model.experts": 4}], ids=["dense", "experts"])
def test_looking_changes_nothing(change: dict[str, Any]) -> None:
    model, _ = build(change)
    loss = F.cross_entropy(model(batch().tokens).flatten(0, 1), batch().targets.flatten())
    loss.backward()

    def everything() -> list[torch.Tensor]:
        gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        return [t.clone() for t in (*model.parameters(), *model.buffers(), *gradients, torch.get_rng_state())]

    before = everything()
    probe.look_inside(model, batch())
    assert model.training
    assert all(torch.equal(a, b) for a, b in zip(before, everything(), strict=True))
