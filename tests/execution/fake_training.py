"""A stand-in for trainer and evaluation that needs no torch: counts steps, keeps checkpoints, misbehaves on order.

The zygote imports it by name, so the tests put this folder on PYTHONPATH. `behave.json` in a run folder says what
it should do: {"steps", "step_seconds", "crash_at", "kill_at", "diverge_at", "evaluate_crashes", "refuse"}.
"""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from assay.spec.errors import UserError
from assay.spec.run import RunOrder, Scores, TrainingResult


def behaviour(folder: Path) -> dict[str, Any]:
    path = folder / "behave.json"
    return {"steps": 3, "step_seconds": 0.0} | (json.loads(path.read_text()) if path.exists() else {})


def write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text)
    temporary.replace(path)


def train(run_json: Path) -> TrainingResult:
    folder = run_json.parent
    order = RunOrder.parse(json.loads(run_json.read_text()), str(run_json))
    behave = behaviour(folder)
    if "refuse" in behave:
        raise UserError(behave["refuse"])
    stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stop.append(number))
    checkpoint = folder / "checkpoint.json"
    begin = step = json.loads(checkpoint.read_text())["step"] if checkpoint.exists() else 0
    write(folder / f"trained-{time.time_ns()}", str(begin))
    status = "finished"
    with (folder / "metrics.jsonl").open("a") as metrics:
        while step < behave["steps"]:
            step += 1
            time.sleep(behave["step_seconds"])
            metrics.write(json.dumps({"step": step, "loss": 5.0 / step, "tokens_per_second": 1e3}) + "\n")
            metrics.flush()
            print(f"step {step}", flush=True)
            if step == behave.get("crash_at"):
                raise RuntimeError(f"told to crash at step {step}")
            if step == behave.get("kill_at"):
                os.kill(os.getpid(), signal.SIGKILL)
            if step == behave.get("diverge_at"):
                status = "diverged"
                break
            write(checkpoint, json.dumps({"step": step}))
            if step < behave["steps"] and (stop or step == order.stop_at_step):
                status = "paused"
                break
    result = TrainingResult(
        status=status, steps=step, tokens=step, flops=float(step), half_loss=2.5, seconds=1.0, environment={"fake": "1"}
    )
    write(folder / "result.json", result.model_dump_json())
    return result


def score_run(folder: Path) -> Scores:
    behave = behaviour(folder)
    tried = folder / "evaluated"
    count = len(tried.read_text()) if tried.exists() else 0
    tried.write_text("x" * (count + 1))
    if count < behave.get("evaluate_crashes", 0):
        raise RuntimeError("told to crash in evaluation")
    time.sleep(behave.get("evaluate_seconds", 0.0))
    scores = Scores(bits_per_byte={"a": 2.0, "b": 4.0}, bytes={"a": 1, "b": 1}, checkpoint="0", seconds=0.5)
    write(folder / "scores.json", scores.model_dump_json())
    return scores
