"""Options that the commands of `assay mixture` share."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from assay.spec.errors import UserError

if TYPE_CHECKING:
    from assay.evidence.mixtures.regressor import Prediction
    from assay.evidence.mixtures.simplex import Limits

Weights = Annotated[
    str | None, Parameter(help="Names of the weight columns, with * and ?; found by their sums if left out.")
]
Seed = Annotated[int, Parameter(help="Of every random number.")]
Least = Annotated[list[str] | None, Parameter(name="--min", negative="", help="DOMAIN=WEIGHT at least; repeatable.")]
Most = Annotated[list[str] | None, Parameter(name="--max", negative="", help="DOMAIN=WEIGHT at most; repeatable.")]
Available = Annotated[
    list[str] | None, Parameter(negative="", help="DOMAIN=TOKENS there are; repeatable; needs --train-tokens.")
]
TrainTokens = Annotated[float | None, Parameter(help="Tokens of the run that the mixture is for.")]
Epochs = Annotated[float, Parameter(help="How often a domain's tokens may be read, with --available.")]
Importance = Annotated[
    list[str] | None, Parameter(name="--weight", negative="", help="TARGET=WEIGHT in the mean to minimise; repeatable.")
]


def limits_from(
    domains: Sequence[str],
    least: list[str] | None,
    most: list[str] | None,
    available: list[str] | None,
    train_tokens: float | None,
    epochs: float,
) -> "Limits":
    from assay.evidence.mixtures.simplex import limits_of

    if train_tokens is not None and not train_tokens > 0:
        raise UserError(f"--train-tokens {train_tokens:g} should be above zero")
    if not epochs > 0:
        raise UserError(f"--epochs {epochs:g} should be above zero")
    return limits_of(
        domains,
        named_numbers(least, "--min"),
        named_numbers(most, "--max"),
        named_numbers(available, "--available"),
        train_tokens,
        epochs,
    )


def named_numbers(given: list[str] | None, option: str) -> dict[str, float]:
    """Read NAME=NUMBER."""
    found: dict[str, float] = {}
    for text in given or ():
        name, sign, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not sign or not math.isfinite(value):
            raise UserError(f"{option} {text}: NAME=NUMBER was expected")
        found[name] = value
    return found


def prediction_rows(prediction: "Prediction") -> list[dict[str, float]]:
    return [{"mean": mean, "sd": sd} for mean, sd in zip(prediction.mean.tolist(), prediction.sd.tolist(), strict=True)]
