"""Other programs as trainers: those that speak the run folder's protocol (`command`), and any others (`program`)."""

from pathlib import Path

from assay.spec.run import RunOrder, TrainingResult
from assay.training.external.command import train_by_command
from assay.training.external.program import train_by_program
from assay.training.pause import Pause


def is_external(order: RunOrder) -> bool:
    """Whether another program trains."""
    return bool(order.command) or order.external is not None


def train_external(order: RunOrder, folder: Path, pause: Pause) -> TrainingResult:
    """Have the order's program train. Raises `UserError` where it cannot, or leaves nothing that could be scored."""
    return (train_by_command if order.command else train_by_program)(order, folder, pause)
