"""What a family of Hugging Face models is to an export."""

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor

from assay.spec.recipe import Model
from assay.spec.scale import Shape

Weights = dict[str, Tensor]


class Need(NamedTuple):
    """A condition on one field of `recipe.model`."""

    field: str
    met: Callable[[Any], bool]


class Family(NamedTuple):
    """A model class of `transformers`, for which recipes it computes the same, and how to write it.

    Attributes:
        name: as people call it.
        needs: what a recipe's options must be.
        config: `config.json`, from shape and options.
        weights: `model.safetensors`, from the model's own weights.
    """

    name: str
    needs: tuple[Need, ...]
    config: Callable[[Shape, Model], dict[str, Any]]
    weights: Callable[[Weights, Shape, Model], Weights]

    def lacks(self, model: Model) -> list[str]:
        """Fields whose values have no equivalent."""
        return [need.field for need in self.needs if not need.met(getattr(model, need.field))]


def off(field: str) -> Need:
    """The option must not be used."""
    return Need(field, lambda value: not value)


def one_of(field: str, *values: Any) -> Need:
    """The option must have one of these values."""
    return Need(field, lambda value: value in values)


#: What none of the families has.
NOWHERE = (
    one_of("norm_place", "pre"), off("value_embeddings"), off("value_residual"), off("x0_residual"),
    off("logit_softcap"), off("experts"),
)  # fmt: skip


def folded(weights: Weights, shape: Shape, final_norm: Weights) -> Weights:
    """The weights with muP's constants multiplied in, since other programs have no place for them.

    What blocks add is linear in their last matrix and bias, and logits in the final norm's gain and bias.

    Args:
        weights: the model's own.
        shape: says the constants.
        final_norm: gain (and bias) of the final norm, which may lack a learned one.
    """
    weights = weights | final_norm
    for name in weights:
        if name.endswith(("attention.out.weight", "attention.out.bias", "mlp.down.weight", "mlp.down.bias")):
            weights[name] = weights[name] * shape.transfer.branch
        elif name.startswith("final_norm."):
            weights[name] = weights[name] * shape.transfer.logits
    return weights
