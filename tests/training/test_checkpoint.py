import json
import subprocess
from pathlib import Path

import pytest
import torch

from assay.spec.errors import UserError
from assay.training import checkpoint, files
from assay.training.checkpoint import OPTIMISER, STATE, SUMS, WEIGHTS
from assay.training.saver import Saver


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
