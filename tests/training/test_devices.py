"""One run on several processes, in half precision, compiled. On CPUs: what is special to a GPU is not tested here."""

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from assay.spec.errors import UserError
from assay.spec.hardware import Hardware
from assay.spec.scale import Scale
from assay.training import checkpoint
from assay.training.devices.torchrun import ANSWER
from assay.training.devices.worker import work
from assay.training.main import train
from assay.training.pause import Pause
from assay.training.protocol import read_order
from assay.training.restore import load_model
from tests.training.tiny import write_order

SCALE = Scale(name="small", width=32, depth=2, flops=1.3e11)
# Rows with padding, several domains, clipping at work: what processes have to agree about.
PADDED = {
    "data.packing": "best_fit", "data.document_mask": True, "data.context": 100, "data.batch": 6, "data.reweight": 1.0,
    "optimiser.grad_clip": 0.5, "optimiser.z_loss": 1e-3,
}  # fmt: skip
DDP, FSDP = Hardware(processes=2), Hardware(processes=2, parallel="fsdp")


def _one(run_json: Path, rank: int, world: int, port: int) -> None:
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }  # fmt: skip
    with (run_json.parent / f"log-{rank}.txt").open("w") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        code = work(run_json, Pause())
    os._exit(code)


def together(run_json: Path) -> None:
    """Train in as many forks of this process as the order says, which is quicker than torchrun."""
    world = read_order(run_json).hardware.processes
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_one, args=(run_json, rank, world, port)) for rank in range(world)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(300)
    logs = "\n".join(path.read_text() for path in sorted(run_json.parent.glob("log-*.txt")))
    assert [worker.exitcode for worker in workers] == [0] * world, logs
    (run_json.parent / ANSWER).unlink()


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def alone(folder: Path, corpus: Path, change: dict[str, Any], steps: int) -> list[dict[str, Any]]:
    train(write_order(folder, corpus, change, SCALE, stop_at_step=steps))
    return rows(folder)


def same_losses(ours: list[dict[str, Any]], theirs: list[dict[str, Any]], tolerance: float) -> None:
    assert [row["loss"] for row in ours] == pytest.approx([row["loss"] for row in theirs], abs=tolerance)


def agree(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    """Losses within 1e-5 at every step; what else is told within the rounding that 50 steps add up."""
    same_losses(ours, theirs, 1e-5)
    # Norms of weights are those of a sample, and parts of weights give another sample.
    for name, tolerance in (("losses", 1e-4), ("lrs", 1e-6), ("grad_norms", 1e-3), ("weight_norms", 0.05)):
        for mine, other in zip(ours, theirs, strict=True):
            assert mine[name] == pytest.approx(other[name], rel=tolerance), (name, mine["step"])


@pytest.mark.parametrize("hardware", [DDP, FSDP], ids=["ddp", "fsdp"])
def test_two_processes_learn_as_one(hardware: Hardware, tmp_path: Path, corpus: Path) -> None:
    together(write_order(tmp_path / "two", corpus, PADDED, SCALE, stop_at_step=8, hardware=hardware))
    one = alone(tmp_path / "one", corpus, PADDED, 8)
    assert one[-1]["tokens"] < 8 * 6 * 100, "no padding"
    agree(rows(tmp_path / "two"), one)


MOE = {"model.experts": 3, "model.experts_per_token": 2, "model.shared_expert": True, "model.position": "rope"}
RECIPES: dict[str, dict[str, Any]] = {
    "adamw": {"optimiser.cautious_decay": True},
    "residuals": {"model.value_residual": True, "model.value_embeddings": True, "model.x0_residual": True},
    "experts": MOE,
    "muon": {"optimiser.name": "muon", "model.tied_embeddings": False},
    "soap": {"optimiser.name": "soap", "optimiser.soap_every": 5},
    "schedule-free": {"optimiser.name": "schedule_free", "schedule.name": "constant"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("hardware", [DDP, FSDP], ids=["ddp", "fsdp"])
def test_fifty_steps_of_two_processes_are_those_of_one(
    hardware: Hardware, name: str, tmp_path: Path, corpus: Path
) -> None:
    change = PADDED | RECIPES[name]
    together(write_order(tmp_path / "two", corpus, change, SCALE, stop_at_step=50, hardware=hardware))
    two, one = rows(tmp_path / "two"), alone(tmp_path / "one", corpus, change, 50)
    agree(two, one)


@pytest.mark.parametrize(
    ("before", "after"), [(FSDP, Hardware()), (Hardware(), FSDP)], ids=["parts-to-one", "one-to-parts"]
)
def test_a_checkpoint_goes_on_with_another_number_of_processes(
    before: Hardware, after: Hardware, tmp_path: Path, corpus: Path
) -> None:
    change = PADDED | RECIPES["muon"] | {"schedule.average": 0.999}
    for hardware, stop in ((before, 4), (after, 8)):
        run_json = write_order(tmp_path / "run", corpus, change, SCALE, stop_at_step=stop, hardware=hardware)
        train(run_json) if hardware.processes == 1 else together(run_json)
        found = checkpoint.newest(tmp_path / "run" / "checkpoint")
        assert found
        assert (checkpoint.WEIGHTS in found.sums) == (hardware.processes == 1)
    agree(rows(tmp_path / "run"), alone(tmp_path / "one", corpus, change, 8))


@pytest.mark.slow
def test_what_parts_leave_in_the_end_is_an_ordinary_model(tmp_path: Path, corpus: Path) -> None:
    change, scale = PADDED | {"schedule.average": 0.5}, SCALE.model_copy(update={"flops": 3e9})
    for name, hardware in (("one", Hardware()), ("two", FSDP), ("ddp", DDP)):
        run_json = write_order(tmp_path / name, corpus, change, scale, hardware=hardware)
        train(run_json) if hardware.processes == 1 else together(run_json)
    theirs = load_model(tmp_path / "one").model.state_dict()
    for name in ("two", "ddp"):
        ours = load_model(tmp_path / name).model.state_dict()
        assert all((ours[key] - theirs[key]).abs().max() < 1e-5 for key in theirs)


def _workers(run_json: Path) -> list[int]:
    """Processes that train a run's share."""
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if (
            b"assay.training.devices.worker" in words
            and str(run_json).encode() in words
            and b"--standalone" not in words
        ):
            found.append(int(path.parent.name))
    return found


@pytest.mark.slow
def test_a_lost_worker_leaves_a_run_that_goes_on(tmp_path: Path, corpus: Path) -> None:
    change = PADDED | RECIPES["adamw"]
    run_json = write_order(
        tmp_path / "two", corpus, change, SCALE, stop_at_step=400, hardware=FSDP, checkpoint_seconds=0.05
    )
    with (tmp_path / "log.txt").open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "assay.training", str(run_json)], stdout=log, stderr=log)
        while process.poll() is None and not list((tmp_path / "two" / "checkpoint").glob("step-*")):
            time.sleep(0.01)
        workers = _workers(run_json)
        assert len(workers) == 2, (tmp_path / "log.txt").read_text()
        os.kill(workers[1], signal.SIGKILL)
        assert process.wait(60) == 2
    assert "start the run again" in (tmp_path / "log.txt").read_text()
    assert not _workers(run_json)
    found = checkpoint.newest(tmp_path / "two" / "checkpoint")
    assert found
    assert 0 < found.step < 400
    write_order(tmp_path / "two", corpus, change, SCALE, stop_at_step=found.step + 20, hardware=FSDP)
    assert train(run_json).steps == found.step + 20
    agree(rows(tmp_path / "two"), alone(tmp_path / "one", corpus, change, found.step + 20))


@pytest.mark.slow
def test_workers_do_not_outlive_who_asked_for_them(tmp_path: Path, corpus: Path) -> None:
    """An orphan would write to a folder that a new attempt owns."""
    run_json = write_order(tmp_path, corpus, PADDED, SCALE, hardware=DDP)
    process = subprocess.Popen([sys.executable, "-m", "assay.training", str(run_json)])
    while process.poll() is None and not (tmp_path / "metrics.jsonl").exists():
        time.sleep(0.01)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while _workers(run_json) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _workers(run_json)


@pytest.mark.slow
def test_a_pause_reaches_all_workers(tmp_path: Path, corpus: Path) -> None:
    run_json = write_order(tmp_path, corpus, PADDED, SCALE, hardware=DDP)
    process = subprocess.Popen([sys.executable, "-m", "assay.training", str(run_json)])
    while process.poll() is None and not (tmp_path / "metrics.jsonl").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    result = json.loads((tmp_path / "result.json").read_text())
    found = checkpoint.newest(tmp_path / "checkpoint")
    assert found
    assert (result["status"], result["steps"]) == ("paused", found.step)


def test_half_precision_keeps_weights_and_comes_near(tmp_path: Path, corpus: Path) -> None:
    change = RECIPES["muon"] | {"model.position": "rope", "model.qk_norm": True}
    whole = alone(tmp_path / "fp32", corpus, change, 3)
    train(write_order(tmp_path / "bf16", corpus, change, SCALE, stop_at_step=3, hardware=Hardware(precision="bf16")))
    half = rows(tmp_path / "bf16")
    losses = [row["loss"] for row in half]
    assert losses == pytest.approx([row["loss"] for row in whole], rel=0.01)  # 2^-8 a product
    assert losses != [row["loss"] for row in whole]
    assert load_model(tmp_path / "bf16").model.embedding.weight.dtype == torch.float32


@pytest.mark.slow
@pytest.mark.parametrize("hardware", [Hardware(), DDP, FSDP], ids=["one", "ddp", "fsdp"])
def test_compiled_it_learns_the_same(hardware: Hardware, tmp_path: Path, corpus: Path) -> None:
    fast = hardware.model_copy(update={"compile": True})
    run_json = write_order(tmp_path / "fast", corpus, stop_at_step=5, hardware=fast)
    # In a process of its own: the compiler's threads would not survive the forks of other tests.
    subprocess.run([sys.executable, "-m", "assay.training", str(run_json)], check=True)
    train(write_order(tmp_path / "plain", corpus, stop_at_step=5))
    agree(rows(tmp_path / "fast"), rows(tmp_path / "plain"))


def test_without_a_compiler_nothing_is_compiled(tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"compile = true.*no C\+\+ compiler"):
        train(write_order(tmp_path / "run", corpus, {}, SCALE, stop_at_step=1, hardware=Hardware(compile=True)))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_what_to_do(tmp_path: Path, corpus: Path) -> None:
    with pytest.raises(UserError, match=r"device = 'cuda'.*no GPU.*set device to 'cpu'"):
        train(write_order(tmp_path, corpus, {}, SCALE, stop_at_step=1, hardware=Hardware(device="cuda", pack=1)))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"parallel": "fsdp"}, ("'parallel' = 'fsdp'", "'processes' = 1")),
        ({"processes": 2, "pack": 4}, ("'pack' = 4", "'processes' = 2")),
        ({"compile": True, "pack": 4}, ("'pack' = 4", "'compile' = true")),
    ],
)
def test_impossible_pairs_name_both(settings: dict[str, Any], named: tuple[str, ...]) -> None:
    with pytest.raises(UserError) as caught:
        Hardware.parse(settings, "lab.toml")
    assert all(each in str(caught.value) for each in named)
