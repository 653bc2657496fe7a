import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.spec.errors import UserError
from assay.spec.scale import Scale, shape_at
from assay.training.__main__ import main
from assay.training.identity import trainer_identity
from assay.training.main import train
from tests.training.tiny import TINY, forked, recipe, weights, write_order


def test_a_run_learns_and_reports_what_happened(tmp_path: Path, corpus: Path) -> None:
    result = train(write_order(tmp_path, corpus))
    shape = shape_at(recipe(), TINY, 257)
    assert (result.status, result.steps, result.tokens) == ("finished", shape.steps, shape.tokens)
    assert TINY.flops - shape.flops_per_step < result.flops <= TINY.flops
    assert result.parameters == shape.parameters
    assert result.loss is not None
    assert result.half_loss is not None
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert rows[0]["loss"] == pytest.approx(math.log(257), abs=0.1)
    # Better than knowing how common each byte is: it has learned to use what comes before.
    tokens = np.concatenate([np.fromfile(path, "<u2") for path in corpus.glob("train/*.bin")])
    p = np.bincount(tokens) / len(tokens)
    assert result.loss < -(p[p > 0] * np.log(p[p > 0])).sum()
    tenth = [row["loss"] for row in rows[-(shape.steps // 10) :]]
    assert result.loss == pytest.approx(sum(tenth) / len(tenth))
    assert rows[-1].keys() == {
        "step", "tokens", "loss", "losses", "lr", "lrs", "grad_norm", "grad_norms", "weight_norms", "update_ratios",
        "tokens_per_second", "mfu", "ms", "memory_mb", "seconds", "inside",
    }  # fmt: skip
    assert result.environment["threads"] == "1"
    assert 50 < result.peak_memory_mb < 4000
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoint",
        "metrics.jsonl",
        "result.json",
        "run.json",
    ]
    assert not list((tmp_path / "checkpoint").glob("*/optimiser.safetensors"))


def test_a_finished_run_is_not_trained_again(tmp_path: Path, corpus: Path) -> None:
    run_json = write_order(tmp_path, corpus)
    first = train(run_json)
    before = (tmp_path / "checkpoint").stat().st_mtime_ns
    assert train(run_json) == first
    assert (tmp_path / "checkpoint").stat().st_mtime_ns == before


def test_divergence_is_a_result(tmp_path: Path, corpus: Path) -> None:
    change = {"optimiser.lr": 1e4, "optimiser.grad_clip": 0.0, "schedule.warmup": 0.0}
    result = train(write_order(tmp_path, corpus, change))
    assert result.status == "diverged"
    assert 0 < result.steps < shape_at(recipe(), TINY, 257).steps
    assert train(tmp_path / "run.json") == result


def test_a_last_step_that_breaks_the_weights_has_diverged(tmp_path: Path, corpus: Path) -> None:
    once = TINY.model_copy(update={"flops": 1.5 * shape_at(recipe(), TINY, 257).flops_per_step})
    change = {"optimiser.lr": 1e39, "schedule.warmup": 0.0}  # beyond what 32 bits hold
    result = train(write_order(tmp_path, corpus, change, once))
    assert (result.status, result.steps) == ("diverged", 1)


#: Peaks as Linux counts them for this program alone; `ru_maxrss` of a new program begins with its parent's.
MEASURE = """
import re, sys
from pathlib import Path
from assay.training.main import train
def peak(): return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024 / 1e6
before = peak()
train(Path(sys.argv[1]))
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"model.mlp": "swiglu", "model.position": "rope", "model.qk_norm": True, "model.norm": "rmsnorm"},
        {"model.experts": 16, "model.experts_per_token": 4, "model.value_embeddings": True},
    ],
    ids=["defaults", "more", "experts"],
)
def test_estimated_memory_is_about_what_training_takes(tmp_path: Path, corpus: Path, change: dict[str, Any]) -> None:
    scale = Scale(name="wide", width=256, depth=4, flops=2e11)
    sizes = {"model.head_dim": 32, "data.context": 256, "data.batch": 8}

    # A process of its own: a fork of this one would use again what earlier tests took and gave back.
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(write_order(tmp_path, corpus, sizes | change, scale, stop_at_step=2))],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    estimate = shape_at(recipe(sizes | change), scale, 257).memory_mb()
    assert 0.5 < float(done.stdout) / estimate < 2


def test_seeds_vary_apart(tmp_path: Path, corpus: Path) -> None:
    finals = set()
    for init, data in ((1, 2), (1, 3), (4, 2)):
        run_json = write_order(tmp_path / f"{init}-{data}", corpus, stop_at_step=2)
        order = json.loads(run_json.read_text())
        order["run"]["seed"] = {"init": init, "data": data}
        run_json.write_text(json.dumps(order))
        train(run_json)
        finals.add(weights(run_json.parent))
    assert len(finals) == 3


def test_the_command_works_alone(tmp_path: Path, corpus: Path) -> None:
    run_json = write_order(tmp_path, corpus, stop_at_step=3)
    done = subprocess.run([sys.executable, "-m", "assay.training", str(run_json)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("paused: 3 steps")
    assert json.loads((tmp_path / "result.json").read_text())["steps"] == 3


def test_usage_and_broken_orders(tmp_path: Path, corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "run.json" in capsys.readouterr().out
    broken = tmp_path / "run.json"
    broken.write_text('{"run": 3')
    assert main([str(broken)]) == 2
    expected = f"error: {broken}: not valid JSON: Expecting ',' delimiter: line 1 column 10 (char 9)\n"
    assert capsys.readouterr().err == expected
    with pytest.raises(UserError, match="no such file"):
        train(tmp_path / "absent.json")
    with pytest.raises(UserError, match="is a folder"):
        train(tmp_path)
    order = json.loads(write_order(tmp_path / "run", corpus).read_text())
    del order["vocab"]
    broken.write_text(json.dumps(order))
    with pytest.raises(UserError, match="'vocab' is missing"):
        train(broken)
    broken.write_text(json.dumps(order | {"vocab": 257, "run": order["run"] | {"seed": {"init": "a", "data": 0}}}))
    with pytest.raises(UserError, match=r"run\.seed\.init"):
        train(broken)


@pytest.mark.parametrize("limit", [2_000, 20_000], ids=["metrics", "weights"])
def test_a_full_disk_is_said_clearly_and_the_run_goes_on_later(tmp_path: Path, corpus: Path, limit: int) -> None:
    run_json = write_order(tmp_path, corpus, stop_at_step=2)
    train(run_json)
    write_order(tmp_path, corpus, stop_at_step=50)
    process = forked(run_json, file_limit=limit)
    process.join()
    assert process.exitcode == 2
    said = (tmp_path / "log.txt").read_text()
    assert "could not be written; what was saved before is intact" in said
    assert "Traceback" not in said
    assert not (tmp_path / "result.json").exists()
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == ["step-00000002"]
    write_order(tmp_path, corpus)
    assert train(run_json).status == "finished"
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == shape_at(recipe(), TINY, 257).steps


def test_importing_the_identity_needs_no_torch() -> None:
    code = "import sys, assay.training.identity as i; i.trainer_identity(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_identity_follows_versions_commands_and_scripts(tmp_path: Path) -> None:
    import torch

    assert f"torch-{torch.__version__}" in trainer_identity()
    script = tmp_path / "train.py"
    script.write_text("pass")
    one = trainer_identity(("python", str(script), "{run}"))
    assert one == trainer_identity(("python", str(script), "{run}")) != trainer_identity(("python", "{run}"))
    script.write_text("pass # changed")
    assert one != trainer_identity(("python", str(script), "{run}"))
