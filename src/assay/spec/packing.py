"""Which runs may train together in one process, their weights stacked."""

from assay.spec.base import canonical_json, sha256_text
from assay.spec.errors import UserError
from assay.spec.hardware import Hardware
from assay.spec.recipe import Recipe
from assay.spec.run import RunOrder
from assay.spec.scale import shape_at


def check_packable(recipe: Recipe, hardware: Hardware) -> None:
    """Raise `UserError`, naming both fields, if runs are packed and this recipe's cannot be."""
    if not hardware.packed:
        return
    for field, value, why in (
        ("model.experts", recipe.model.experts, "tokens of different runs would take different ways"),
        ("data.batch_warmup", recipe.data.batch_warmup, "batches of different runs would differ in size"),
    ):
        if value:
            raise UserError(
                f"{field} = {value} and execution.hardware.pack = {hardware.pack} cannot go together: {why}; set "
                f"execution.hardware.pack to 1 in lab.toml, or leave the field alone"
            )


def pack_key(order: RunOrder) -> str | None:
    """Equal for runs that may be packed together; None where runs train alone.

    They agree on everything that sizes and the objective depend on. Seeds may differ, and so may optimiser, schedule
    and mixture, which each run has for itself.
    """
    recipe, hardware = order.run.recipe, order.hardware
    if not hardware.packed or order.command or order.external:
        return None
    shape = shape_at(recipe, order.run.scale, order.vocab)
    told = {
        "model": recipe.model.identity(),
        "data": [recipe.data.packing, recipe.data.document_mask],
        "z_loss": recipe.optimiser.z_loss,
        "sizes": [shape.width, shape.depth, shape.context, shape.batch, shape.vocab],
        "transfer": shape.transfer.model_dump(mode="json"),
        "corpus": order.corpus_dir,
        "hardware": hardware.model_dump(mode="json"),
    }
    return sha256_text(canonical_json(told))
