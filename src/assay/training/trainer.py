"""The reference trainer: a run's order in, a trained checkpoint out. Read `train_run` from top to bottom."""

from pathlib import Path

from assay.spec.run import RunOrder, TrainingResult
from assay.training import environment
from assay.training.memory import explained
from assay.training.objective import objective
from assay.training.pause import Pause
from assay.training.steps import Steps


def train_run(order: RunOrder, folder: Path, pause: Pause) -> TrainingResult:
    """Train, from the newest checkpoint in `folder` on, until the end, a pause or divergence.

    Raises:
        UserError: the recipe, the corpus, the disk, the memory or another run's checkpoint stands in the way.
    """
    environment.prepare()
    with explained(order), Steps(order, folder) as steps:
        while steps.left and not pause.requested:
            batch = steps.begin()
            losses = objective(steps.state.model, batch, steps.recipe)
            steps.clock.lap("forward")
            losses.total.backward()
            steps.clock.lap("backward")
            steps.end(losses)
        return steps.result()
