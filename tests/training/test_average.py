"""Averaged weights: the mean that a person would compute from the checkpoints of the same run."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from assay.spec.scale import Scale
from assay.training.main import train
from tests.training.tiny import write_order

SCALE = Scale(name="short", width=16, depth=1, flops=2e8)
SHARE = 0.25


def final(run: Path) -> dict[str, np.ndarray]:
    return load_file(max((run / "checkpoint").glob("step-*")) / "model.safetensors")


def steps_of(run: Path) -> int:
    return json.loads((run / "result.json").read_text())["steps"]


@pytest.mark.parametrize("optimiser", ["adamw", "muon", "soap"])
def test_the_mean_is_that_of_the_weights_after_each_of_the_last_steps(
    optimiser: str, tmp_path: Path, corpus: Path
) -> None:
    change = {"optimiser.name": optimiser}
    train(write_order(tmp_path / "averaged", corpus, change | {"schedule.average": SHARE}, SCALE))
    steps = steps_of(tmp_path / "averaged")
    last = max(1, round(SHARE * steps))
    assert last > 3
    plain = tmp_path / "plain"
    seen: list[dict[str, np.ndarray]] = []
    for step in range(steps - last + 1, steps + 1):  # the same training, stopped after each of its last steps
        train(write_order(plain, corpus, change, SCALE, stop_at_step=step))
        seen.append(final(plain))
    averaged = final(tmp_path / "averaged")
    assert averaged.keys() == seen[0].keys()
    for name, weight in averaged.items():
        by_hand = np.mean([tensors[name].astype(np.float64) for tensors in seen], axis=0)
        np.testing.assert_allclose(weight, by_hand, rtol=1e-5, atol=1e-7)
        assert np.abs(weight - seen[-1][name]).max() > 1e-6


def test_averaging_changes_nothing_but_the_final_weights(tmp_path: Path, corpus: Path) -> None:
    def curve(name: str, share: float) -> list[float]:
        train(write_order(tmp_path / name, corpus, {"schedule.average": share}, SCALE))
        return [json.loads(line)["loss"] for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]

    assert curve("off", 0.0) == curve("half", 0.5) == curve("all", 1.0)
    costs = [json.loads((tmp_path / name / "result.json").read_text())["flops"] for name in ("off", "half")]
    assert costs[0] == costs[1]
    share = 0.4 / steps_of(tmp_path / "off")  # less than one step: the last one alone
    curve("one", share)
    for name, weight in final(tmp_path / "off").items():
        np.testing.assert_array_equal(weight, final(tmp_path / "one")[name])


def test_a_paused_run_keeps_its_own_weights_beside_their_mean(tmp_path: Path, corpus: Path) -> None:
    train(write_order(tmp_path / "off", corpus, {}, SCALE))
    stop = steps_of(tmp_path / "off") - 2
    for name, share in (("plain", 0.0), ("averaged", SHARE)):
        train(write_order(tmp_path / name, corpus, {"schedule.average": share}, SCALE, stop_at_step=stop))
    for name, weight in final(tmp_path / "plain").items():
        np.testing.assert_array_equal(weight, final(tmp_path / "averaged")[name])


def test_a_schedule_free_run_is_judged_by_its_own_mean(tmp_path: Path, corpus: Path) -> None:
    """While it goes on the checkpoint holds y = (1 - beta1)z + beta1·x, and z beside it; at the end it holds x."""
    change = {"optimiser.name": "schedule_free", "optimiser.beta1": 0.5, "schedule.name": "constant"}
    train(write_order(tmp_path / "run", corpus, change, SCALE))
    end, steps = final(tmp_path / "run"), steps_of(tmp_path / "run")
    train(write_order(tmp_path / "halted", corpus, change, SCALE, stop_at_step=steps - 1))
    y = final(tmp_path / "halted")["embedding.weight"]
    state = load_file(max((tmp_path / "halted" / "checkpoint").glob("step-*")) / "optimiser.safetensors")
    (z,) = (tensor for key, tensor in state.items() if key.endswith("z") and tensor.shape == y.shape)
    x = 2 * y - z
    share = 1 / steps  # nearly, of the last z in the mean; z itself moves by about a learning rate
    far = np.abs(y - x).mean()
    assert far > 1e-4
    assert np.abs(end["embedding.weight"] - x).mean() < 4 * share * far
    train(write_order(tmp_path / "halted", corpus, change, SCALE))
    for name, weight in final(tmp_path / "halted").items():
        np.testing.assert_array_equal(weight, end[name])
