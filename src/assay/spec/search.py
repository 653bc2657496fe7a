"""The search space: which recipe fields may change, and within what limits."""

import math
from typing import Annotated, Any, cast

from pydantic import Discriminator, Field, Tag, model_validator

from assay.spec.base import Frozen
from assay.spec.errors import UserError
from assay.spec.recipe import Change, Recipe, check_value, flatten, is_by_domain, is_mixture

Scalar = str | bool | int | float


class Range(Frozen):
    """A number between two limits. For a mixture the limits hold for each domain's weight."""

    low: float
    high: float
    log: bool = Field(default=False, description="search on a logarithmic scale")

    @model_validator(mode="after")
    def _ordered(self) -> "Range":
        if not self.low < self.high:
            raise ValueError(f"low ({self.low}) must be less than high ({self.high})")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic range needs low > 0, not {self.low}")
        return self


def _form(value: Any) -> str | None:
    """Which of the two forms an entry has; None if neither."""
    if isinstance(value, dict | Range):
        return "<range>"
    if isinstance(value, list | tuple) and all(isinstance(v, Scalar) for v in cast(list[Any], value)):
        return "<list>"
    return None


Allowed = Annotated[
    Annotated[tuple[Scalar, ...], Tag("<list>")] | Annotated[Range, Tag("<range>")],
    Discriminator(
        _form,
        custom_error_type="space",
        custom_error_message="a list of values, or a table with low and high",
    ),
]
Space = dict[str, Allowed]


def check_space(space: Space, start: Recipe, where: str) -> None:
    """Raise `UserError` unless every key is a field of recipes and every value fits that field.

    Values that exclude each other, or the start's, are no mistake: a proposal may change both.
    """
    fields = flatten(start.model_dump(mode="json"))
    for key, allowed in space.items():
        if key == "stream":
            raise UserError(f"{where}: 'stream' only draws other random numbers and is the lab's own; remove it")
        present = fields.get(key)
        if not isinstance(allowed, Range):
            if is_by_domain(key):
                example = "weights, as in { low = 0.0, high = 1.0 }"
                if not is_mixture(key):
                    example = "limits, as in { low = 1.0, high = 8.0 }"
                raise UserError(f"{where}: '{key}' needs a range for the {example}")
            if not allowed:
                raise UserError(f"{where}: '{key}' has no values; list some, or remove the key")
            for value in allowed:
                check_value(key, value, where)
        elif is_mixture(key):
            if allowed.low < 0:
                raise UserError(f"{where}: '{key}' has low = {allowed.low}, but weights are zero or more")
        elif is_by_domain(key):
            if allowed.low <= 0:
                raise UserError(f"{where}: '{key}' has low = {allowed.low}, but limits are above zero")
        elif isinstance(present, str | bool):
            raise UserError(f"{where}: '{key}' is not a number, so it cannot have a range; list its values instead")
        else:
            for value in (allowed.low, allowed.high):
                whole = isinstance(present, int) and value.is_integer()
                check_value(key, int(value) if whole else value, where)


def check_change(change: Change, space: Space, where: str) -> None:
    """Raise `UserError` unless every changed key is open to search and every value is within its limits."""
    for key, value in change.items():
        allowed = space.get(key)
        if allowed is None:
            raise UserError(
                f"{where}: '{key}' may not change in this lab; [search] in lab.toml allows: {', '.join(space)}"
            )
        if value is None and is_by_domain(key):
            continue  # back to what the rule has, which is no weight to limit
        if isinstance(allowed, Range):
            for name, number in _numbers(key, value):
                if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
                    raise UserError(f"{where}: '{name}' should be a number, but is {number!r}")
                if not allowed.low <= number <= allowed.high:
                    raise UserError(
                        f"{where}: '{name}' = {number} is outside [{allowed.low}, {allowed.high}], "
                        f"the limits that [search] in lab.toml sets"
                    )
        elif value not in allowed:
            raise UserError(
                f"{where}: '{key}' = {value!r} is not one of {list(allowed)}, which [search] in lab.toml allows"
            )


def _numbers(key: str, value: Any) -> list[tuple[str, Any]]:
    """What has to lie within a range, each with its name: of a mixture the shares that its weights come to."""
    if not isinstance(value, dict):
        return [(key, value)]
    given = cast(dict[str, Any], value)
    if is_mixture(key) and all(type(each) in (int, float) for each in given.values()):
        total = sum(given.values())
        given = {name: weight / total for name, weight in given.items()} if total > 0 else given
    return [(f"{key}.{name}", number) for name, number in given.items()]
