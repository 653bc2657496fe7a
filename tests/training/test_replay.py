"""The same run gives the same bits: run twice, paused, or killed at random places."""

import json
import random
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from assay.spec.recipe import Optimiser
from assay.spec.registry import REGISTRY
from assay.spec.run import TrainingResult
from assay.spec.scale import Scale
from assay.spec.transfer import Transfer
from assay.training.main import train
from assay.training.model import GPT
from tests.training.tiny import forked, interrupted, weights, write_order

EVERYTHING = {
    "optimiser.name": "muon",
    "model.mlp": "swiglu",
    "model.position": "rope",
    "model.qk_norm": True,
    "model.norm": "rmsnorm",
    "model.query_heads_per_kv": 2,
    "model.tied_embeddings": False,
    "model.window": 8,
    "model.value_embeddings": True,
    "model.value_residual": True,
    "model.x0_residual": True,
    "model.logit_softcap": 15.0,
    "model.experts": 4,
    "model.shared_expert": True,
    "schedule.name": "wsd",
    "data.packing": "best_fit",
    "data.document_mask": True,
}
STATEFUL = {  # what carries something from step to step besides weights and moments
    "model.experts": 4,
    "optimiser.name": "soap",
    "optimiser.soap_every": 3,
    "data.packing": "best_fit",
    "data.document_mask": True,
    "data.batch_warmup": 0.3,
    "data.reweight": 1.0,
}
RECIPES = pytest.mark.parametrize("change", [{}, EVERYTHING, STATEFUL], ids=["defaults", "everything", "stateful"])
SCALE = Scale(name="replay", width=32, depth=2, flops=3e9)


def losses(folder: Path) -> list[tuple[int, float]]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [(row["step"], row["loss"]) for row in rows]


def saved(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("checkpoint/step-*"))


def same(one: Path, two: Path) -> None:
    a, b = (TrainingResult.parse(json.loads((f / "result.json").read_text()), "result") for f in (one, two))
    assert a.status == b.status == "finished"
    assert (a.loss, a.half_loss, a.steps, a.flops) == (b.loss, b.half_loss, b.steps, b.flops)
    assert weights(one) == weights(two)
    assert losses(one) == losses(two)
    assert [step for step, _ in losses(one)] == list(range(1, a.steps + 1))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Any:
    """An uninterrupted run of each recipe, made once."""
    made: dict[str, Path] = {}

    def folder(change: dict[str, Any]) -> Path:
        key = str(change)
        if key not in made:
            run_json = write_order(tmp_path_factory.mktemp("whole"), corpus, change, SCALE)
            process = forked(run_json)
            process.join()
            assert process.exitcode == 0
            made[key] = run_json.parent
        return made[key]

    return folder


@RECIPES
def test_the_same_run_twice_ends_with_the_same_bits(
    change: dict[str, Any], whole: Any, tmp_path: Path, corpus: Path
) -> None:
    train(write_order(tmp_path, corpus, change, SCALE))  # in this process, with whatever tests ran before
    same(whole(change), tmp_path)


@RECIPES
def test_killed_at_random_moments_and_resumed_it_ends_with_the_same_bits(
    change: dict[str, Any], whole: Any, tmp_path: Path, corpus: Path
) -> None:
    run_json = write_order(tmp_path, corpus, change, SCALE, checkpoint_seconds=0.03)
    moments = random.Random(str(change))
    codes = []
    while not (tmp_path / "result.json").exists():
        before = saved(tmp_path)
        another = partial(lambda before: saved(tmp_path) != before, before)
        codes.append(interrupted(run_json, signal.SIGKILL, another, moments.uniform(0, 0.04)))
    assert -signal.SIGKILL in codes
    assert set(codes) <= {-signal.SIGKILL, 0}
    assert "resumed at step" in (tmp_path / "log.txt").read_text()
    same(whole(change), tmp_path)


@RECIPES
def test_paused_by_sigterm_and_resumed_it_ends_with_the_same_bits(
    change: dict[str, Any], whole: Any, tmp_path: Path, corpus: Path
) -> None:
    run_json = write_order(tmp_path, corpus, change, SCALE)
    statuses = []

    def training() -> bool:
        return (tmp_path / "metrics.jsonl").exists() and not (tmp_path / "result.json").exists()

    for seconds in (0.05, 0.1, 0.02):
        assert interrupted(run_json, signal.SIGTERM, training, seconds) == 0
        result = json.loads((tmp_path / "result.json").read_text())
        statuses.append(result["status"])
        assert len(losses(tmp_path)) == result["steps"]
    assert statuses[0] == "paused"
    train(run_json)
    same(whole(change), tmp_path)


def test_pausing_half_way_reports_the_half_loss_that_the_whole_run_has(
    whole: Any, tmp_path: Path, corpus: Path
) -> None:
    steps = json.loads((whole({}) / "result.json").read_text())["steps"]
    paused = train(write_order(tmp_path, corpus, {}, SCALE, stop_at_step=steps // 2))
    assert (paused.status, paused.steps) == ("paused", steps // 2)
    window = [loss for step, loss in losses(whole({})) if steps // 2 - steps // 10 < step <= steps // 2]
    assert paused.half_loss == pytest.approx(sum(window) / (steps // 10), rel=1e-12)
    early = train(write_order(tmp_path / "early", corpus, {}, SCALE, stop_at_step=steps // 2 - 1))
    assert early.half_loss is None
    again = train(write_order(tmp_path, corpus, {}, SCALE, stop_at_step=steps // 2))
    assert again.steps == steps // 2
    train(write_order(tmp_path, corpus, {}, SCALE))
    same(whole({}), tmp_path)


def test_a_damaged_checkpoint_means_going_back_not_other_numbers(whole: Any, tmp_path: Path, corpus: Path) -> None:
    train(write_order(tmp_path, corpus, {}, SCALE, stop_at_step=40))
    path = tmp_path / "checkpoint" / "step-00000040" / "optimiser.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    train(write_order(tmp_path, corpus, {}, SCALE))
    same(whole({}), tmp_path)


@RECIPES
def test_killed_between_the_last_checkpoint_and_the_result(
    change: dict[str, Any], whole: Any, tmp_path: Path, corpus: Path
) -> None:
    run_json = write_order(tmp_path, corpus, change, SCALE)
    train(run_json)
    (tmp_path / "result.json").unlink()
    train(run_json)
    same(whole(change), tmp_path)


class Jittering(torch.optim.SGD):
    """An optimiser of somebody's own, which draws from PyTorch's generator."""

    def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad += 1e-3 * torch.randn_like(parameter)
        super().step(closure)


def jittering(model: GPT, settings: Optimiser, _transfer: Transfer) -> tuple[torch.optim.Optimizer, ...]:
    return (Jittering(model.parameters(), lr=settings.lr),)


def test_random_numbers_of_pytorchs_own_go_on_too(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(REGISTRY["optimiser"], "adamw", f"{__name__}:jittering")
    for name, stops in (("whole", (6,)), ("parts", (2, 3, 6))):
        for stop in stops:
            train(write_order(tmp_path / name, corpus, {}, SCALE, stop_at_step=stop))
            torch.rand(3)  # whatever happens between two attempts
    assert weights(tmp_path / "whole") == weights(tmp_path / "parts")
