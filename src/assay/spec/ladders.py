"""Ladders for `assay init --ladder`: ready-made ones, and files."""

from pathlib import Path

from pydantic import Field, model_validator

from assay.spec.base import Frozen
from assay.spec.errors import UserError
from assay.spec.lab import DEFAULT_LADDER, check_ladder
from assay.spec.scale import Scale

#: `cpu`: for real work on a few cores. `tiny`: seconds a run, to try commands out; its numbers mean little.
LADDERS: dict[str, tuple[Scale, ...]] = {
    "cpu": DEFAULT_LADDER,
    "tiny": (
        Scale(name="tiny-1", width=32, depth=1, flops=2e9),
        Scale(name="tiny-2", width=32, depth=2, flops=6e9),
        Scale(name="tiny-3", width=64, depth=2, flops=2e10),
    ),
}


class _File(Frozen):
    ladder: tuple[Scale, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _ladder(self) -> "_File":
        check_ladder(self.ladder)
        return self


def read_ladder(name: str) -> tuple[Scale, ...]:
    """A ready-made ladder by name, or the `[[ladder]]` tables of a TOML file. Raises `UserError`."""
    if name in LADDERS:
        return LADDERS[name]
    if not Path(name).exists():
        raise UserError(
            f"no ladder is called '{name}', nor is there such a file; ready-made are: {', '.join(LADDERS)}; a file "
            f"has a [[ladder]] table with name, width, depth and flops for each scale"
        )
    return _File.from_toml(Path(name)).ladder
