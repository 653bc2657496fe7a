"""The run folder as an executor sees it: what has been ordered, what is done, what is left to do.

The folder is the whole protocol between controller, trainer and evaluation, so these functions decide from its
files alone. That is what makes a run survive the death of every process that worked on it.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from assay.corpus.packing import packing_of
from assay.spec.errors import UserError
from assay.spec.run import Outcome, RunOrder, Scores, TrainingResult, weighted_score
from assay.training.files import replace_file
from assay.training.protocol import PACK

Kind = Literal["train", "evaluate"]

#: Exit code of a process that refused its work, and what the line of its log that says why begins with.
REFUSED, ERROR = 2, "error: "
LOG_LINES = 20
_TAIL_BYTES = 8192


def prepare_corpus(order: RunOrder) -> None:
    """Keep beside the corpus what a run would else work out for itself, since confined runs may not write there."""
    data = order.run.recipe.data
    if data.packing == "best_fit":
        packing_of(Path(order.corpus_dir), data.context)


def write_order(order: RunOrder, folder: Path) -> None:
    """Write `run.json` atomically. A folder belongs to one run for ever.

    Raises:
        UserError: the folder holds an unreadable `run.json`, or the disk is full.
    """
    present = read_order(folder)
    assert present is None or present.run_hash == order.run_hash, f"{folder} belongs to run {present.run_hash}"
    if present == order:
        return
    temporary = folder / f".run.json.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8") as file:
            file.write(order.model_dump_json(indent=1))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / "run.json")
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UserError(
            f"{folder / 'run.json'} cannot be written ({error.strerror}); free some disk space or check the folder's "
            f"permissions, then start again: nothing that was finished is lost"
        ) from None


def write_pack(folder: Path, mates: Sequence[Path]) -> None:
    """Say which runs train in one process with a run, before that process starts."""
    path = folder / PACK
    if mates:
        replace_file(path, json.dumps({"with": [str(mate) for mate in mates]}).encode())
    else:
        path.unlink(missing_ok=True)


def read_order(folder: Path) -> RunOrder | None:
    """The order in `run.json`; None before one was written. Raises `UserError` when it is unreadable."""
    data = _read_json(folder / "run.json")
    return None if data is None else RunOrder.parse(data, str(folder / "run.json"))


def read_result(folder: Path) -> TrainingResult | None:
    """How the training ended so far; None before it first did. Raises `UserError` when it is unreadable."""
    data = _read_json(folder / "result.json")
    return None if data is None else TrainingResult.parse(data, str(folder / "result.json"))


def read_scores(folder: Path) -> Scores | None:
    """What the evaluation measured; None before it did. Raises `UserError` when it is unreadable."""
    data = _read_json(folder / "scores.json")
    return None if data is None else Scores.parse(data, str(folder / "scores.json"))


def next_step(order: RunOrder, folder: Path) -> Kind | None:
    """What is still to be done for an order; None when the folder already answers it."""
    result = read_result(folder)
    if result is None or (result.status == "paused" and not _stopped(order, result)):
        return "train"
    if result.status == "finished" and read_scores(folder) is None:
        return "evaluate"
    return None


def answer(order: RunOrder, folder: Path, weights: dict[str, float]) -> Outcome | None:
    """The outcome that the folder's files amount to; None while there is something left to do."""
    if next_step(order, folder) is not None:
        return None
    result, scores = read_result(folder), read_scores(folder)
    assert result is not None
    if result.status == "finished":
        assert scores is not None
        return _outcome(result, order).model_copy(
            update={
                "score": weighted_score(scores.bits_per_byte, weights),
                "domains": scores.bits_per_byte,
                "seconds": result.seconds + scores.seconds,
            }
        )
    return _outcome(result, order)


def paused(folder: Path) -> Outcome:
    """The outcome of a run that was asked to pause, whatever it had reached by then."""
    try:
        result, order = read_result(folder), read_order(folder)
    except UserError:  # whoever goes on with the run is told
        result = order = None
    if result is None or order is None:
        return Outcome(status="paused")
    return _outcome(result, order).model_copy(update={"status": "paused"})


def failed(folder: Path, why: str) -> Outcome:
    """The outcome of a run that crashed once too often: the reason, and the end of its log."""
    end = tail(folder / "log.txt")
    if (said := refusal(folder)) and said in why:
        end = end[:-1]
    message = why + ("; its log ends:\n" + "\n".join(end[-LOG_LINES:]) if end else "; its log is empty")
    return Outcome(status="failed", message=message)


def refusal(folder: Path) -> str:
    """The sentence that ends the log of a process that refused its work; '' if it ends otherwise."""
    end = tail(folder / "log.txt")[-1:]
    return end[0].removeprefix(ERROR) if end and end[0].startswith(ERROR) else ""


def last_metrics(folder: Path) -> dict[str, Any]:
    """The newest complete line of `metrics.jsonl`, read from the file's end; empty before the first."""
    for line in reversed(tail(folder / "metrics.jsonl")):
        try:
            metrics = json.loads(line)
        except ValueError:  # the newest line may be half written
            continue
        if isinstance(metrics, dict):
            return metrics
    return {}


def tail(path: Path) -> list[str]:
    """The last lines of a text file, at most 8 KiB of them; none when there is no file."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    lines = text.splitlines()
    return lines[1:] if size > _TAIL_BYTES else lines


def _stopped(order: RunOrder, result: TrainingResult) -> bool:
    return order.stop_at_step is not None and result.steps >= order.stop_at_step


def _outcome(result: TrainingResult, order: RunOrder) -> Outcome:
    told = _self_reported(result, order)
    return Outcome(
        status=result.status,
        flops=result.flops,
        seconds=result.seconds,
        step_ms=result.step_ms,
        memory_mb=result.peak_memory_mb,
        half_loss=result.half_loss,
        self_reported=told,
    )


def _self_reported(result: TrainingResult, order: RunOrder) -> tuple[str, ...]:
    """What of an outcome is an external trainer's own account: of a program with a trainer.toml, less."""
    told = {"half_loss": result.half_loss, "flops": result.flops}
    if order.command:
        told |= {"step_ms": result.step_ms, "memory_mb": result.peak_memory_mb, "seconds": result.seconds}
    elif order.external is None:
        return ()
    scored = ("score",) if order.self_scored and result.status == "finished" else ()
    return (*scored, *(name for name, value in told.items() if value))


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON ({error}); delete this run's folder to train it again") from None
