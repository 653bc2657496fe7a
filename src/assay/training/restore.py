"""From a run's folder to its trained model."""

from pathlib import Path
from typing import NamedTuple

from assay.spec.errors import UserError
from assay.spec.run import RunOrder
from assay.spec.scale import shape_at
from assay.training import checkpoint
from assay.training.model import GPT
from assay.training.protocol import read_order


class Trained(NamedTuple):
    """A model with its newest weights, and the SHA-256 of their file."""

    order: RunOrder
    model: GPT
    weights: str


def load_model(folder: Path) -> Trained:
    """Build the model that `run.json` describes and load the newest checkpoint into it.

    Raises:
        UserError: there is no complete checkpoint, or it is another run's or another model's.
    """
    order = read_order(folder / "run.json")
    found = checkpoint.newest(folder / "checkpoint")
    if found is None:
        raise UserError(f"{folder / 'checkpoint'}: no complete checkpoint; train the run first")
    found.check_run(order.run)
    recipe = order.run.recipe
    model = GPT(shape_at(recipe, order.run.scale, order.vocab), recipe.model)
    wanted = {name: tuple(weight.shape) for name, weight in model.state_dict().items()}
    weights = found.tensors(checkpoint.WEIGHTS)
    given = {name: tuple(weight.shape) for name, weight in weights.items()}
    if wanted != given:
        name = min(name for name in wanted.keys() | given.keys() if wanted.get(name) != given.get(name))
        raise UserError(
            f"{found.path / checkpoint.WEIGHTS}: '{name}' is {given.get(name, 'missing')}, "
            f"but the recipe's model has {wanted.get(name, 'no such weight')}"
        )
    model.load_state_dict(weights)
    return Trained(order, model.eval(), found.digest(checkpoint.WEIGHTS))
