"""The reference trainer: a run's order in, a trained checkpoint out. Read `train_run` from top to bottom."""

from pathlib import Path

from assay.spec.run import RunOrder, TrainingResult
from assay.training import environment
from assay.training.devices.team import Team
from assay.training.memory import explained
from assay.training.pause import Pause
from assay.training.steps import Steps


def train_run(order: RunOrder, folder: Path, pause: Pause) -> TrainingResult:
    """Train, from the newest checkpoint in `folder` on, until the end, a pause or divergence.

    Where several processes share the run, each of them does this.

    Raises:
        UserError: the recipe, the corpus, the disk, the memory or another run's checkpoint stands in the way.
    """
    team = Team.here()
    environment.prepare(order.hardware, team.local_rank)
    with explained(order), Steps(order, folder, team) as steps:
        while steps.left and not team.any(pause.requested):
            batch = steps.begin()
            losses = steps.forward(batch)
            steps.clock.lap("forward")
            losses.total.backward()
            steps.clock.lap("backward")
            steps.end(losses)
        return steps.result()
