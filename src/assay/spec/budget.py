"""Budgets: how much more a campaign may spend, in runs, time, compute or money."""

import math
import re

from pydantic import Field

from assay.spec.base import Frozen
from assay.spec.errors import UserError

_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_HELP = "write 20m, 2h, 40runs, 1e15flop or 5usd, or several joined by commas"


class Budget(Frozen):
    """Hard limits on one call of `assay run`; None means no limit of that sort, zero that nothing is left of it."""

    runs: int | None = Field(default=None, ge=0)
    seconds: float | None = Field(default=None, ge=0)
    flops: float | None = Field(default=None, ge=0)
    usd: float | None = Field(default=None, ge=0)

    @classmethod
    def read(cls, text: str) -> "Budget":
        """Read `20m`, `40runs`, `1e15flop`, `5usd`, or several joined by commas. Raises `UserError`."""
        found: dict[str, float | int] = {}
        for part in text.split(","):
            match = re.fullmatch(r"\s*([0-9.]+(?:e[+-]?[0-9]+)?)\s*([a-z]+)\s*", part.lower())
            try:
                amount = float(match.group(1)) if match else 0.0
            except ValueError:
                amount = 0.0
            unit = match.group(2) if match else ""
            if not 0 < amount < math.inf:
                raise UserError(f"budget '{text}' is not understood: {_HELP}")
            if unit in ("run", "runs"):
                key, value = "runs", int(amount)
                if value != amount or value < 1:
                    raise UserError(f"budget '{text}': runs come in whole numbers")
            elif unit in ("flop", "flops"):
                key, value = "flops", amount
            elif unit == "usd":
                key, value = "usd", amount
            elif unit in _UNITS:
                key, value = "seconds", amount * _UNITS[unit]
            else:
                raise UserError(f"budget '{text}' has an unknown unit '{unit}': {_HELP}")
            if not math.isfinite(value):
                raise UserError(f"budget '{text}' is too large to count")
            if key in found:
                raise UserError(f"budget '{text}' limits {key} twice: {_HELP}")
            found[key] = value
        return cls.model_validate(found)
