"""What a lab has measured of its own noise, and the design of experiments that follows from it."""

from typing import Any, Literal

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
    runs: int = Field(default=0, ge=0, description="scores behind it; for 'repeat' those that repeat another run")


class PairedDeviation(Frozen):
    """Deviation of a paired difference for one kind of change, per cent of the score.

    `degrees` are its degrees of freedom: how far it may be trusted. `correlation` is that of the two arms over seeds.
    """

    scale: str
    kind: str = Field(description="kind of change, as in proposals; 'A/A' for none")
    deviation: Estimate
    correlation: Estimate | None = None
    degrees: int = Field(ge=1)
    shared: Literal["both", "data order", "initialisation", "nothing"] = Field(
        default="both", description="what the arms of a pair have in common"
    )
    change: dict[str, Any] = Field(default={}, description="the change that was measured")
    effect: Estimate | None = Field(default=None, description="reduction of the score, per cent; below 0 is worse")


class Effect(Frozen):
    """One change's effect, measured with and without a remedy on the same seeds, per cent of the score."""

    change: dict[str, Any]
    without: Estimate
    under: Estimate
    difference: Estimate


class Remedy(Frozen):
    """What one way of reducing noise buys: deviation of a paired difference with it over that without it."""

    name: str
    ratio: Estimate
    effect_percent: Estimate | None = Field(
        default=None, description="what it does to the score itself; below 0 is worse"
    )
    cost: float = Field(default=1.0, description="compute of a run with it over that without it")
    note: str = ""
    change: dict[str, Any] = Field(default={}, description="recipe fields that bring it about")
    signal: Estimate | None = Field(
        default=None, description="effect over deviation with it, over that without it; above 1 saves pairs"
    )
    effects: tuple[Effect, ...] = Field(default=(), description="whether effects keep their sign and size")


class Stopping(Frozen):
    """Caps and bound of futility within what lab.toml allows; campaigns keep to them."""

    effect_percent: float = Field(description="smallest effect worth having, or that the pairs allowed can find")
    pairs: int = Field(ge=2)
    confirm_pairs: int = Field(ge=2)
    futile_at: float = Field(ge=0, lt=1, description="likelihood ratio below which a test is given up")
    power: float = Field(description="chance that such an effect is promoted")
    null_pairs: float = Field(description="mean pairs that a change which does nothing costs")
    flops: float = Field(description="compute per discovery, if one proposal in ten helps")


class Design(Frozen):
    """Pairs and evaluation size for the smallest effect worth having."""

    effect_percent: float
    power: float
    pairs: int = Field(ge=2)
    confirm_pairs: int = Field(ge=2)
    evaluation_bytes: int = Field(ge=1, description="held-out bytes beyond which evaluation sampling no longer matters")
    detectable_percent: float | None = Field(
        default=None, description="effect that is found with 80% power within the pairs that lab.toml allows"
    )
    threshold: float = Field(default=20.0, gt=1, description="e-value that was reckoned with")
    cheapest: Stopping | None = Field(default=None, description="what costs the least compute per discovery")
    flops_from_above: float | None = Field(
        default=None, description="the same if tests began at the second scale; None where its noise was not measured"
    )


class Calibration(Frozen):
    """What `assay calibrate` found, as the ledger keeps it."""

    recipe: str = Field(description="hash of the recipe that was measured")
    trainer: str
    components: tuple[Component, ...] = ()
    scale: str = Field(default="", description="where kinds of change and remedies were measured")
    rounds: int = Field(default=0, ge=0, description="seeds of every arm")
    paired: tuple[PairedDeviation, ...] = Field(default=(), description="with both seeds shared, as campaigns do")
    sharing: tuple[PairedDeviation, ...] = Field(default=(), description="with less shared than that")
    remedies: tuple[Remedy, ...] = ()
    design: Design | None = None
    runs: tuple[str, ...] = Field(default=(), description="hashes of the runs behind it")

    def stale(self, champion: str, trainer: str) -> str:
        """Why it no longer describes what the lab would measure now, in a sentence; empty where it does."""
        if self.trainer != trainer:
            return (
                f"The noise was calibrated with another trainer ({self.trainer}); `assay calibrate` measures it anew."
            )
        if self.recipe != champion:
            return f"The noise was calibrated around {self.recipe}, which is no longer the champion."
        return ""

    def groups(self, scale: str) -> list[tuple[int, float]]:
        """(number of pairs, deviation in per cent) of each change at a scale, for pooling."""
        return [(each.degrees + 1, each.deviation.value) for each in self.paired if each.scale == scale]
