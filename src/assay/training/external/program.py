"""Any program as trainer, by its `trainer.toml`: start it, read its losses, pause it, and say what became of the run.

Time and memory are measured here. Steps, and with them tokens and FLOPs, are what the program was told to do; losses
are what it says.
"""

import math
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from assay.spec.errors import UserError
from assay.spec.run import RunOrder, TrainingResult
from assay.training.external.facts import Filled
from assay.training.external.log import Log
from assay.training.external.process import kill, listen, start
from assay.training.files import replace_file
from assay.training.pause import Pause
from assay.training.restore import load_model


def train_by_program(order: RunOrder, folder: Path, pause: Pause) -> TrainingResult:
    """Prepare, train until the end, a pause or divergence, and check that weights are there.

    A run that was paused, or whose program crashed, goes on from `pause.checkpoint` where there is one, else it begins
    anew.

    Raises:
        UserError: the program cannot be started, fails, falls silent, reports no losses, stops before its last step,
            or leaves nothing to score.
    """
    assert order.external is not None
    filled = Filled(order, folder)
    trainer = filled.trainer
    resumed = trainer.pause is not None and Path(filled.text(trainer.pause.checkpoint)).is_file()
    filled = Filled(order, folder, resumed)
    log = Log(order, folder, filled, resumed)
    began = time.perf_counter()
    if not resumed:
        for path in (filled.checkpoint_dir, filled.scratch_dir):
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
        if trainer.prepare:
            _prepare(filled, trainer.name)
    config = filled.config()
    if config is not None:
        config[0].parent.mkdir(parents=True, exist_ok=True)
        replace_file(config[0], config[1].encode())
    words = filled.command()
    print("$ " + " ".join(words), flush=True)
    with log:
        code, stopped = _run(words, filled, log, pause, order.stop_at_step)
    seconds = log.seconds_before + time.perf_counter() - began
    result = _result(order, log, seconds, stopped)
    if result.status == "paused":
        return result
    if result.status != "diverged":
        name = f"trainer '{trainer.name}'"
        if code != 0:
            raise UserError(f"{name}: {words[0]} ended with {_described(code)}; its output says why")
        log.check()
        log.check_end(f"{name}: {words[0]}")
        _check_weights(order, folder, filled)
    shutil.rmtree(filled.scratch_dir, ignore_errors=True)
    return result


def _prepare(filled: Filled, name: str) -> None:
    words, what = filled.words(filled.trainer.prepare), f"trainer '{name}': prepare"
    process = start(words, filled.place, what, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    code = listen(process, what, filled)
    if code != 0:
        raise UserError(f"{what} ended with {_described(code)}; its output says why")


def _run(words: list[str], filled: Filled, log: Log, pause: Pause, stop: int | None) -> tuple[int, bool]:
    """Run the program to its end; its exit code, and whether it was asked to stop."""
    trainer, what = filled.trainer, f"trainer '{filled.trainer.name}'"
    process = start(words, filled.place, what, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    told = False

    def look() -> bool:
        nonlocal told
        grown = log.poll()
        half = trainer.pause is not None and stop is not None and log.step >= stop
        if (pause.requested or half) and not told:
            told = True
            if trainer.pause:
                process.send_signal(getattr(signal, trainer.pause.signal))
            else:  # nothing is lost by it, since the run begins anew in any case
                kill(process)
        return grown

    return listen(process, f"{what}: {words[0]}", filled, log.printed, look), told


def _result(order: RunOrder, log: Log, seconds: float, stopped: bool) -> TrainingResult:
    plan = log.plan
    diverged = bool(log.rows) and not math.isfinite(log.last_loss)
    # A program that was asked to stop when it had nothing left to do has finished.
    status = "diverged" if diverged else "paused" if stopped and log.step < plan.steps else "finished"
    steps = plan.steps if status == "finished" else log.step
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (1 << 10 if sys.platform == "linux" else 1 << 20)
    return TrainingResult.parse(
        {
            "status": status,
            "steps": steps,
            "tokens": steps * plan.tokens_per_step,
            "flops": steps * plan.flops_per_step,
            "loss": log.mean(0.9, 2.0),
            "half_loss": log.mean(0.4, 0.5) if log.step >= plan.steps // 2 else None,
            "seconds": seconds,
            "step_ms": 1e3 * seconds / steps if steps else 0.0,
            "peak_memory_mb": memory,
            "environment": {"trainer": order.run.trainer},
        },
        "result.json",
    )


def _check_weights(order: RunOrder, folder: Path, filled: Filled) -> None:
    if not any(path.is_file() for path in filled.checkpoint_dir.rglob("*")):
        raise UserError(
            f"trainer '{filled.trainer.name}' ended well, but left nothing in {filled.checkpoint_dir}; hand "
            f"{{checkpoint_dir}} to it in trainer.toml as the place for its weights"
        )
    if not order.self_scored:
        try:
            load_model(folder)
        except UserError as error:
            raise UserError(
                f"trainer '{filled.trainer.name}' has no [evaluation] in trainer.toml, so it should leave the built-in "
                f"model's weights, but {error}"
            ) from None


def _described(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {-code} ({signal.Signals(-code).name})"
