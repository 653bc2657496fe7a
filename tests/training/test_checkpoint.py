import json
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.spec.errors import UserError
from assay.spec.scale import Scale
from assay.training import checkpoint, files
from assay.training.checkpoint import OPTIMISER, STATE, SUMS, WEIGHTS
from assay.training.main import train
from assay.training.restore import load_model
from assay.training.saver import Saver
from assay.training.snapshot import Snapshot
from tests.training.tiny import weights, write_order


def write(folder: Path, step: int, value: float) -> None:
    tensors = {WEIGHTS: {"w": torch.full((3,), value)}, OPTIMISER: {"0.0.m": torch.full((3,), -value)}}
    with Saver(folder, keep=1, found=checkpoint.newest(folder)) as saver:
        saver.save({"step": step, "note": "π"}, tensors)


def both(folder: Path) -> None:
    """Steps 1 and 2, as after a crash between the rename of one and the removal of the other."""
    write(folder / "a", 1, 1.0)
    write(folder / "b", 2, 2.0)
    (folder / "a" / "step-00000001").rename(folder / "b" / "step-00000001")


def test_what_is_saved_comes_back_and_older_ones_go(tmp_path: Path) -> None:
    assert checkpoint.newest(tmp_path / "checkpoint") is None
    write(tmp_path / "checkpoint", 9, 1.5)
    write(tmp_path / "checkpoint", 10, 2.5)
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == ["step-00000010"]
    found = checkpoint.newest(tmp_path / "checkpoint")
    assert found
    assert (found.step, found.state["note"]) == (10, "π")
    assert torch.equal(found.tensors(WEIGHTS)["w"], torch.full((3,), 2.5))
    assert torch.equal(found.tensors(OPTIMISER)["0.0.m"], torch.full((3,), -2.5))
    # The sums are what the standard tool reads.
    subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=found.path, check=True, capture_output=True)


@pytest.mark.parametrize("name", [WEIGHTS, OPTIMISER, STATE, SUMS])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "missing"])
def test_damage_falls_back_to_the_checkpoint_before(
    tmp_path: Path, name: str, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    both(tmp_path)
    path = tmp_path / "b" / "step-00000002" / name
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(data[: len(data) // 2])
    else:
        path.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    found = checkpoint.newest(tmp_path / "b")
    assert found
    assert found.step == 1
    assert "step-00000002 is damaged" in capsys.readouterr().err
    write(tmp_path / "b", 3, 3.0)
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["step-00000003"]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    with Saver(folder, keep=2) as saver:
        for step in (1, 2):
            saver.save({"step": step}, {WEIGHTS: {"w": torch.full((3,), float(step))}, OPTIMISER: {}})
    return folder


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_damage_gives_other_numbers(data: st.DataObject, two: Path) -> None:
    """Any byte changed or any file cut anywhere: the checkpoint before, or (a changed line end) what was saved."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(shutil.copytree(two, name, dirs_exist_ok=True))
        path = folder / "step-00000002" / data.draw(st.sampled_from([WEIGHTS, OPTIMISER, STATE, SUMS]))
        whole = bytearray(path.read_bytes())
        place = data.draw(st.integers(0, len(whole) - 1))
        if data.draw(st.booleans(), label="cut"):
            path.write_bytes(whole[:place])
        else:
            whole[place] ^= data.draw(st.integers(1, 255))
            path.write_bytes(whole)
        found = checkpoint.newest(folder)
        assert found
        assert torch.equal(found.tensors(WEIGHTS)["w"], torch.full((3,), float(found.step)))
        assert found.step == 1 or path.name == SUMS


def test_half_written_folders_do_not_count_and_are_cleared(tmp_path: Path) -> None:
    write(tmp_path, 1, 1.0)
    (tmp_path / ".tmp-step-00000002").mkdir()
    (tmp_path / ".tmp-step-00000002" / WEIGHTS).write_bytes(b"half")
    found = checkpoint.newest(tmp_path)
    assert found
    assert found.step == 1
    write(tmp_path, 2, 2.0)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000002"]


def test_replacing_a_file_is_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "result.json"
    files.replace_file(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(UserError, match=r"disk is full.*result\.json"):
        files.replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_floats_survive_state_json(tmp_path: Path) -> None:
    values = torch.rand(100, dtype=torch.float64).tolist()
    with Saver(tmp_path, keep=1) as saver:
        saver.save({"step": 1, "losses": values}, {WEIGHTS: {"w": torch.zeros(1)}})
    assert json.loads((tmp_path / "step-00000001" / STATE).read_text())["losses"] == values


TYPES = [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.uint8, torch.bool]


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(), st.tuples(st.sampled_from(TYPES), st.lists(st.integers(0, 4), max_size=3))))
def test_snapshots_are_safetensors_files(layout: dict[str, tuple[torch.dtype, list[int]]]) -> None:
    drawn = {name: (7 * torch.rand(size)).to(kind) for name, (kind, size) in layout.items()}
    snapshot = Snapshot(drawn)
    for tensors in (drawn, {name: tensor.flip(0) if tensor.ndim else tensor for name, tensor in drawn.items()}):
        assert snapshot.fits(tensors)
        snapshot.take(tensors)
        read = safetensors.torch.load(b"".join(snapshot.parts()))
        assert read.keys() == tensors.keys()
        for name, tensor in tensors.items():
            assert read[name].dtype == tensor.dtype
            assert torch.equal(read[name], tensor)


def kept(folder: Path) -> list[int]:
    return sorted(int(path.name.removeprefix("step-")) for path in folder.iterdir())


def test_the_newest_and_the_milestones_are_kept(tmp_path: Path) -> None:
    tensors = {WEIGHTS: {"w": torch.zeros(1)}}
    with Saver(tmp_path, keep=2, milestone_steps=10) as saver:
        for step in (5, 10, 15, 20, 22):
            saver.save({"step": step}, tensors)
    assert kept(tmp_path) == [10, 20, 22]
    with Saver(tmp_path, keep=2, milestone_steps=10, found=checkpoint.newest(tmp_path)) as saver:
        saver.save({"step": 23}, tensors)
        saver.wait()
        assert kept(tmp_path) == [10, 20, 22, 23]
        saver.save({"step": 24}, tensors, last=True)
    assert kept(tmp_path) == [10, 20, 24]


def test_a_run_leaves_its_milestones_and_its_end(tmp_path: Path, corpus: Path) -> None:
    order = partial(write_order, scale=Scale(name="short", width=16, depth=1, flops=2e8))
    steps = train(order(tmp_path / "plain", corpus)).steps
    every = steps // 3
    train(order(tmp_path / "run", corpus, milestone_steps=every, stop_at_step=every + 2))
    assert kept(tmp_path / "run" / "checkpoint") == [every, every + 2]
    train(order(tmp_path / "run", corpus, milestone_steps=every))
    assert kept(tmp_path / "run" / "checkpoint") == sorted({every, 2 * every, 3 * every, steps})
    assert weights(tmp_path / "run") == weights(tmp_path / "plain")
    # A milestone is a place to go on from.
    shutil.copytree(
        tmp_path / "run" / "checkpoint" / f"step-{every:08d}", tmp_path / "again/checkpoint" / f"step-{every:08d}"
    )
    assert train(order(tmp_path / "again", corpus)).status == "finished"
    assert weights(tmp_path / "again") == weights(tmp_path / "plain")


def test_what_goes_wrong_in_the_background_is_heard(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").write_text("a file where a folder should be")
    tensors = {WEIGHTS: {"w": torch.zeros(1)}}
    saver = Saver(tmp_path / "checkpoint", keep=1)
    saver.save({"step": 1}, tensors)
    with pytest.raises(NotADirectoryError):
        saver.save({"step": 2}, tensors)
    with pytest.raises(NotADirectoryError), Saver(tmp_path / "checkpoint", keep=1) as saver:
        saver.save({"step": 1}, tensors)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"optimiser.lr": 2e-3, "data.context": 8},
            ["optimiser.lr is 0.001 there and 0.002 here", "data.context is 16"],
        ),
        ({"model.mlp": "swiglu"}, ["model.mlp is 'gelu' there and 'swiglu' here"]),
    ],
)
def test_a_checkpoint_of_another_recipe_is_refused_with_the_difference(
    change: dict[str, Any], said: list[str], tmp_path: Path, corpus: Path
) -> None:
    train(write_order(tmp_path / "one", corpus, stop_at_step=2))
    run_json = write_order(tmp_path / "two", corpus, change)
    shutil.copytree(tmp_path / "one" / "checkpoint", tmp_path / "two" / "checkpoint")
    for use in (train, lambda path: load_model(path.parent)):
        with pytest.raises(UserError, match="checkpoint of another run") as error:
            use(run_json)
        assert all(text in str(error.value) for text in said)


def test_a_checkpoint_of_another_seed_or_schema_is_refused(tmp_path: Path, corpus: Path) -> None:
    run_json = write_order(tmp_path, corpus, stop_at_step=2)
    train(run_json)
    order = json.loads(run_json.read_text())
    (tmp_path / "result.json").unlink()
    order["run"]["seed"] = {"init": 1, "data": 3}
    run_json.write_text(json.dumps(order))
    with pytest.raises(UserError, match=r"seed is \{'init': 1, 'data': 2\} there and \{'init': 1, 'data': 3\} here"):
        train(run_json)
    folder = tmp_path / "checkpoint" / "step-00000002"
    state = json.loads((folder / STATE).read_text())
    (folder / STATE).write_text(json.dumps(state | {"schema": 1}))
    sums = subprocess.run(["sha256sum", WEIGHTS, OPTIMISER, STATE], cwd=folder, check=True, capture_output=True)
    (folder / SUMS).write_bytes(sums.stdout)
    with pytest.raises(UserError, match="has schema 1 where this trainer needs schema 2"):
        train(run_json)
