"""Runs whose models are stacked: each is what it is alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from assay.spec.errors import UserError
from assay.spec.hardware import Hardware
from assay.spec.packing import check_packable, pack_key
from assay.spec.recipe import Recipe, changed
from assay.spec.run import Run, RunOrder, Seed, TrainingResult
from assay.spec.scale import Scale, shape_at
from assay.training.main import train
from assay.training.memory import explained
from assay.training.packed import train_pack
from assay.training.pause import Pause
from assay.training.protocol import PACK
from assay.training.trainer import train_run
from tests.training.tiny import CHANGE

STEPS = 52
MODERN = {
    "model.position": "rope", "model.qk_norm": True, "model.norm": "rmsnorm", "model.mlp": "relu2",
    "model.value_residual": True, "model.query_heads_per_kv": 2, "optimiser.z_loss": 1e-4,
}  # fmt: skip
#: What runs of a pack may differ in, one arm each.
ARMS: list[dict[str, Any]] = [
    {"optimiser.lr": 3e-3},
    {"optimiser.name": "muon", "optimiser.weight_decay": 0.0},
    {"data.mixture": {"docs": 0.9, "code": 0.1}, "schedule.name": "wsd", "optimiser.vectors.lr_ratio": 2.0},
]


def make_order(corpus: Path, change: dict[str, Any], seed: int, steps: int = STEPS, pack: int = 8) -> RunOrder:
    recipe = changed(Recipe(), CHANGE | change)
    unit = shape_at(recipe, Scale(name="unit", width=16, depth=2, flops=1e12), 257)
    scale = Scale(name="tiny", width=16, depth=2, flops=(steps + 0.5) * unit.flops_per_step)
    run = Run(recipe=recipe, scale=scale, seed=Seed(init=seed, data=seed), corpus="tiny", trainer="test")
    return RunOrder(run=run, run_hash=run.hash, corpus_dir=str(corpus), vocab=257, hardware=Hardware(pack=pack))


def written(folder: Path, order: RunOrder) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(order.model_dump_json())
    return folder


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("common", [{}, MODERN, {"data.document_mask": True, "data.packing": "best_fit"}])
def test_each_run_of_a_pack_is_what_it_is_alone(common: dict[str, Any], tmp_path: Path, corpus: Path) -> None:
    orders = {
        written(tmp_path / f"packed-{i}", make_order(corpus, common | arm, seed=i)): common | arm
        for i, arm in enumerate(ARMS)
    }
    with Pause() as pause:
        results = train_pack({folder: read(folder) for folder in orders}, pause)
        for i, folder in enumerate(orders):
            alone = written(tmp_path / f"alone-{i}", read(folder))
            result = train_run(read(folder), alone, pause)
            together = losses(folder)
            assert together[:50] == pytest.approx(losses(alone)[:50], abs=1e-5)
            assert results[folder].status == result.status == "finished"
            assert results[folder].steps == result.steps == len(together)
            assert results[folder].domains == result.domains


def read(folder: Path) -> RunOrder:
    return RunOrder.model_validate_json((folder / "run.json").read_text())


def test_runs_of_other_lengths_end_when_they_end_and_a_pause_pauses_all(tmp_path: Path, corpus: Path) -> None:
    short, long = (
        written(tmp_path / name, make_order(corpus, {}, seed=1, steps=steps)) for name, steps in (("a", 5), ("b", 12))
    )
    with Pause() as pause:
        pause.requested = True
        paused = train_pack({short: read(short), long: read(long)}, pause)
        assert {result.status for result in paused.values()} == {"paused"}
        pause.requested = False
        results = train_pack({short: read(short), long: read(long)}, pause)
    assert (results[short].steps, results[long].steps) == (5, 12)
    assert {result.status for result in results.values()} == {"finished"}


def test_the_folder_protocol_trains_the_whole_pack_and_leaves_what_has_ended(tmp_path: Path, corpus: Path) -> None:
    folders = [written(tmp_path / str(i), make_order(corpus, {}, seed=i, steps=4)) for i in range(3)]
    (folders[0] / PACK).write_text(json.dumps({"with": [str(folder) for folder in folders[1:]]}))
    assert train(folders[0] / "run.json").status == "finished"
    kept = [(folder / "result.json").read_bytes() for folder in folders]
    assert all(TrainingResult.model_validate_json(text).status == "finished" for text in kept)
    assert train(folders[0] / "run.json").status == "finished"
    assert [(folder / "result.json").read_bytes() for folder in folders] == kept


def test_only_runs_of_one_shape_and_objective_go_together(corpus: Path) -> None:
    key = pack_key(make_order(corpus, {}, seed=1))
    assert key is not None
    for change in ({"optimiser.lr": 1.0}, {"schedule.name": "linear"}, {"data.mixture": {"docs": 1.0}}):
        assert pack_key(make_order(corpus, change, seed=2)) == key, change
    for change in ({"model.mlp": "relu2"}, {"model.qk_norm": True}, {"data.batch": 5}, {"optimiser.z_loss": 0.1},
                   {"model.window": 4}, {"data.document_mask": True}):  # fmt: skip
        assert pack_key(make_order(corpus, change, seed=1)) != key, change
    assert pack_key(make_order(corpus, {}, seed=1, pack=1)) is None


@pytest.mark.parametrize("change", [{"model.experts": 4}, {"data.batch_warmup": 0.1}])
def test_what_cannot_be_stacked_is_refused_with_both_fields(change: dict[str, Any]) -> None:
    recipe = changed(Recipe(), change)
    check_packable(recipe, Hardware(pack=1))
    with pytest.raises(UserError, match=rf"{next(iter(change))}.*execution\.hardware\.pack = 4"):
        check_packable(recipe, Hardware(pack=4))


def test_what_pays_is_the_default_of_the_device() -> None:
    assert not Hardware().packed
    assert Hardware(device="cuda").packed
    assert Hardware(pack=4).words() == "packed"
    assert Hardware(pack=4).words() == Hardware(pack=8).words(), "how many are packed decides nothing"


def test_a_pack_that_does_not_fit_says_how_many_runs_would(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = make_order(corpus, {}, seed=1)
    each = shape_at(order.run.recipe, order.run.scale, order.vocab).memory_mb()
    monkeypatch.setattr("assay.training.memory.available_mb", lambda _device: 5 * each)
    with pytest.raises(UserError, match=r"8 packed runs.*execution\.hardware\.pack = 3 would fit"), explained(order, 8):
        raise MemoryError
