"""Proposals: what a researcher claims before any result."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from assay.spec.base import Frozen
from assay.spec.recipe import flatten

#: Author of placebos. They are the lab's own: nobody proposes them, and researchers never see one.
PLACEBO = "lab:placebo"
#: Author of proposals that make a champion's better learning rate its own, once tuning has found one.
RETUNE = "strategy:retune"

Kind = Literal[
    "optimiser", "schedule", "architecture", "shape", "data", "mixture", "filter", "dedup", "mixed", "placebo"
]


class Prediction(Frozen):
    """Predicted reduction of the deciding score, in per cent of the champion's; negative is worse."""

    effect: float = Field(description="median, per cent")
    low: float = Field(description="10th percentile, per cent")
    high: float = Field(description="90th percentile, per cent")

    @model_validator(mode="after")
    def _ordered(self) -> "Prediction":
        if not self.low <= self.effect <= self.high:
            raise ValueError(f"low <= effect <= high is expected, not {self.low}, {self.effect}, {self.high}")
        return self


class Proposal(Frozen):
    """A hypothesis and the change to the champion that tests it. Registered before its runs, never edited."""

    hypothesis: str = Field(min_length=1, description="why this change should help, in a sentence or two")
    kind: Kind
    change: dict[str, Any] = Field(min_length=1, description="dotted recipe keys and their new values")
    predicted: Prediction
    author: str = Field(pattern=r"^(strategy|model|agent|human|lab):.+", description="for example human:ada")
    citations: tuple[str, ...] = ()

    @field_validator("change", mode="before")
    @classmethod
    def _flat(cls, change: Any) -> Any:
        return flatten(change) if isinstance(change, dict) else change  # pyright: ignore[reportUnknownArgumentType]


class Registered(Frozen):
    """A proposal as the ledger holds it, with what the lab added when it was registered."""

    number: int = Field(ge=1, description="counts every hypothesis of the campaign; sets its share of the error budget")
    proposal: Proposal
    generation: int = Field(ge=0, description="generation of the champion it is compared with")
    champion: str = Field(description="hash of the champion recipe")
    candidate: str = Field(description="hash of the changed recipe")
    cost_flops: float = Field(description="expected compute to a verdict")
    level: float = Field(description="error level that e-LOND grants this test")
    retest_of: int | None = Field(default=None, description="number of the test that an older champion had lost")
    retune_of: int | None = Field(
        default=None, description="number of the test for which the champion was tuned, and found better so"
    )
