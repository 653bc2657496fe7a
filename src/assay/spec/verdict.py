"""Evidence, verdicts, generations and their certificates."""

from typing import Literal

from pydantic import Field

from assay.spec.base import Frozen
from assay.spec.proposal import Registered

Decision = Literal["supported", "refuted", "inconclusive"]


class Pair(Frozen):
    """Champion and candidate trained with the same seed at the same scale."""

    seed: int
    champion: str = Field(description="run hash")
    candidate: str = Field(description="run hash")
    difference: float | None = Field(description="champion minus candidate, bits per byte; None: diverged")


class Evidence(Frozen):
    """A paired comparison at one scale. Effects are champion minus candidate: positive means better."""

    stage: Literal["half", "replicate", "confirm", "measure"]
    scale: str
    pairs: tuple[Pair, ...]
    champion_score: float | None = Field(default=None, description="mean bits per byte of the champion over the pairs")
    effect: float | None = Field(default=None, description="mean difference, bits per byte")
    deviation: float | None = Field(default=None, description="standard deviation of the differences")
    low: float | None = Field(default=None, description="lower end of the 95% confidence sequence; None: unbounded")
    high: float | None = Field(default=None, description="upper end; None: unbounded")
    e_value: float = Field(default=1.0, description="evidence against 'no better', valid at any stopping time")
    detectable: float | None = Field(default=None, description="smallest effect seen with 80% power, bits per byte")


class Verdict(Frozen):
    """What became of a proposal. `e_value` is the least over the stages that a promotion needs."""

    number: int
    decision: Decision
    e_value: float
    threshold: float = Field(description="1 / level: what the e-value had to reach")
    evidence: tuple[Evidence, ...]
    reasons: tuple[str, ...] = Field(min_length=1)
    decided_by: str = "rule:assay"


class Multiplier(Frozen):
    """How much less compute the new champion needs than the old one's loss-compute curve, at one scale."""

    scale: str
    value: float | None = Field(default=None, description="None: beyond the measured range")
    low: float | None = None
    high: float | None = None
    note: str = ""


class Certificate(Frozen):
    """All that a promotion rests on."""

    registered: Registered
    verdict: Verdict
    effect_percent: float = Field(description="at the confirmation scale, per cent of the old champion's score")
    low_percent: float | None = None
    high_percent: float | None = None
    multipliers: tuple[Multiplier, ...]
    pooled: Multiplier | None = Field(default=None, description="geometric mean over scales inside the measured range")
    preliminary: bool = Field(description="true below three scales inside the measured range")


class Generation(Frozen):
    """One promoted step. Generation 0 has no certificate."""

    number: int = Field(ge=0)
    recipe: str = Field(description="hash of the champion recipe")
    certificate: Certificate | None = None
