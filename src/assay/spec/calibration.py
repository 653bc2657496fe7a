"""What a lab has measured of its own noise, and the design of experiments that follows from it."""

from typing import Literal

from pydantic import Field

from assay.spec.base import Frozen


class Estimate(Frozen):
    """A number with its 95% interval."""

    value: float
    low: float | None = Field(default=None, description="None: not bounded by the data")
    high: float | None = None


class Component(Frozen):
    """One part of the variance of a run's score at one scale, as a deviation in per cent of the score."""

    scale: str
    source: Literal["repeat", "initialisation", "data order", "interaction", "evaluation", "total"]
    deviation: Estimate


class PairedDeviation(Frozen):
    """Deviation of a paired difference (same seeds in both arms) for one kind of change, per cent of the score.

    `degrees` are its degrees of freedom: how far it may be trusted. `correlation` is that of the two arms over seeds.
    """

    scale: str
    kind: str = Field(description="kind of change, as in proposals; 'A/A' for none")
    deviation: Estimate
    correlation: Estimate | None = None
    degrees: int = Field(ge=1)


class Remedy(Frozen):
    """What one way of reducing noise buys: deviation of a paired difference with it over that without it."""

    name: str
    ratio: Estimate
    effect_percent: Estimate | None = Field(
        default=None, description="what it does to the score itself; below 0 is worse"
    )
    cost: float = Field(default=1.0, description="compute of a run with it over that without it")
    note: str = ""


class Design(Frozen):
    """Pairs and evaluation size for the smallest effect worth having."""

    effect_percent: float
    power: float
    pairs: int = Field(ge=2)
    confirm_pairs: int = Field(ge=2)
    evaluation_bytes: int = Field(ge=1, description="held-out bytes beyond which evaluation sampling no longer matters")


class Calibration(Frozen):
    """What `assay calibrate` found, as the ledger keeps it."""

    recipe: str = Field(description="hash of the recipe that was measured")
    trainer: str
    components: tuple[Component, ...] = ()
    paired: tuple[PairedDeviation, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    design: Design | None = None
    runs: tuple[str, ...] = Field(default=(), description="hashes of the runs behind it")
