"""Several runs in one process, their models stacked (`pack.py`): the loop of `trainer.py`, K times over."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from assay.spec.run import RunOrder, TrainingResult
from assay.training import environment
from assay.training.memory import explained
from assay.training.pack import Pack
from assay.training.pause import Pause
from assay.training.steps import Steps


def train_pack(orders: Mapping[Path, RunOrder], pause: Pause) -> dict[Path, TrainingResult]:
    """Train runs that may be packed (`spec.packing`), each in its folder, until all have ended or pause.

    Every run keeps its own batches, learning rates, checkpoints and metrics, and may begin at another step. Where one
    ends before the others, they go on without it.

    Raises:
        UserError: a recipe, the corpus, the disk or another run's checkpoint stands in the way.
    """
    results: dict[Path, TrainingResult] = {}
    if not orders:
        return results
    first = next(iter(orders.values()))
    environment.prepare(first.hardware)
    with explained(first, runs=len(orders)), ExitStack() as stack:
        runs = {folder: stack.enter_context(Steps(order, folder)) for folder, order in orders.items()}
        while runs:
            together = list(runs.values())
            pack = Pack([steps.state.model for steps in together], first.run.recipe, first.hardware)
            while all(steps.left for steps in together) and not pause.requested:
                _step(pack, together)
            for folder, steps in list(runs.items()):
                if pause.requested or not steps.left:
                    steps.clock.skip()
                    results[folder] = steps.result()
                    del runs[folder]
    return results


def _step(pack: Pack, runs: list[Steps]) -> None:
    """One step of every run. The time of the common passes is shared evenly."""
    batches = []
    for steps in runs:
        steps.clock.skip()
        batches.append(steps.begin())
    begin = time.perf_counter()
    total, losses = pack.losses(batches)
    middle = time.perf_counter()
    total.backward()
    end = time.perf_counter()
    for steps, loss in zip(runs, losses, strict=True):
        steps.clock.skip()
        steps.clock.add("forward", (middle - begin) / len(runs))
        steps.clock.add("backward", (end - middle) / len(runs))
        steps.end(loss)
