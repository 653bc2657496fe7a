"""The search space: which recipe fields may change, and within what limits."""

import math
from typing import Any, cast

from pydantic import Field, model_validator

from assay.spec.base import Frozen
from assay.spec.errors import UserError
from assay.spec.recipe import Change

Scalar = str | bool | int | float


class Range(Frozen):
    """A number between two limits. For `data.mixture` the limits hold for each domain's weight."""

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


Space = dict[str, tuple[Scalar, ...] | Range]


def check_change(change: Change, space: Space, where: str) -> None:
    """Raise `UserError` unless every changed key is open to search and every value is within its limits."""
    for key, value in change.items():
        allowed = space.get(key)
        if allowed is None:
            raise UserError(
                f"{where}: '{key}' may not change in this lab; [search] in lab.toml allows: {', '.join(space)}"
            )
        if isinstance(allowed, Range):
            numbers = list(cast(dict[str, Any], value).values()) if isinstance(value, dict) else [value]
            for number in numbers:
                if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
                    raise UserError(f"{where}: '{key}' should be a number, but is {number!r}")
                if not allowed.low <= number <= allowed.high:
                    raise UserError(
                        f"{where}: '{key}' = {number} is outside [{allowed.low}, {allowed.high}], "
                        f"the limits that [search] in lab.toml sets"
                    )
        elif value not in allowed:
            raise UserError(
                f"{where}: '{key}' = {value!r} is not one of {list(allowed)}, which [search] in lab.toml allows"
            )
