"""Evidence, verdicts, generations and their certificates."""

from typing import Literal

from pydantic import Field

from assay.spec.base import Frozen
from assay.spec.data_cost import DataCost
from assay.spec.proposal import Registered

Decision = Literal["supported", "refuted", "inconclusive"]
#: Where a test stands, in order; `assay.campaign.decide` says what happens in each.
Stage = Literal["half", "replicate", "confirm", "tune", "retune", "remeasure", "measure", "vault"]
#: The stages whose pairs are evidence that a verdict quotes.
Compared = Literal["half", "replicate", "confirm", "retune", "remeasure", "measure"]
#: All that pairs are trained for.
Occasion = Literal[Compared, "audit"]


class Pair(Frozen):
    """Champion and candidate trained with the same seed at the same scale."""

    seed: int
    champion: str = Field(description="run hash")
    candidate: str = Field(description="run hash")
    difference: float | None = Field(description="champion minus candidate, bits per byte; None: diverged")


class Evidence(Frozen):
    """A paired comparison at one scale. Effects are champion minus candidate: positive means better."""

    stage: Occasion
    scale: str
    pairs: tuple[Pair, ...]
    champion_score: float | None = Field(default=None, description="mean bits per byte of the champion over the pairs")
    effect: float | None = Field(default=None, description="mean difference, bits per byte")
    deviation: float | None = Field(default=None, description="standard deviation of the differences")
    low: float | None = Field(default=None, description="lower end of the 95% confidence sequence; None: unbounded")
    high: float | None = Field(default=None, description="upper end; None: unbounded")
    e_value: float = Field(default=1.0, description="evidence against 'no better', valid at any stopping time")
    detectable: float | None = Field(default=None, description="smallest effect seen with 80% power, bits per byte")
    cautions: tuple[str, ...] = Field(
        default=(), description="what speaks against an e-value that reached its threshold"
    )


class TunedTrial(Frozen):
    """The champion with another learning rate, at the smallest scale on seeds that it shares with the champion."""

    recipe: str = Field(description="hash of the champion's recipe with that rate")
    change: str = Field(description="what was changed, in words: optimiser.lr x2")
    runs: tuple[str, ...] = Field(description="run hashes, in order of seeds")
    effect_percent: float | None = Field(
        description="mean gain over the champion, per cent of its score; None: it diverged"
    )


class Retuning(Frozen):
    """The tuning that a champion was given before an architecture or an optimiser replaced it."""

    trials: tuple[TunedTrial, ...]
    best: str | None = Field(default=None, description="change of the best trial; None: none looked better than it")


class VaultAnswer(Frozen):
    """What the sealed set answered about one candidate: one bit."""

    number: int = Field(description="of the test that asked")
    passed: bool
    query: int = Field(default=1, ge=1, description="how many questions the set has answered with this one")
    part: int = Field(default=0, ge=0, description="of the set, of those between which `assay vault rotate` moves on")
    commitment: str = Field(default="", description="hash of the sealed text, as in the corpus' manifest")
    advisory: bool = Field(default=False, description="true where nothing but convention kept the set sealed")
    note: str = Field(default="", description="why it is advisory")


class Verdict(Frozen):
    """What became of a proposal. `e_value` is the least over the stages that a promotion needs."""

    number: int
    decision: Decision
    e_value: float
    threshold: float = Field(description="1 / level: what the e-value had to reach")
    evidence: tuple[Evidence, ...]
    reasons: tuple[str, ...] = Field(min_length=1)
    decided_by: str = "rule:assay"
    retuning: Retuning | None = None
    vault: VaultAnswer | None = None


class Multiplier(Frozen):
    """How much less compute the new champion needs than the old one's loss-compute curve, at one scale."""

    scale: str
    value: float | None = Field(default=None, description="None: beyond the measured range")
    low: float | None = None
    high: float | None = None
    note: str = ""


class Size(Frozen):
    """How large an effect is, per cent of the old champion's score, with its 95% interval; None: unbounded."""

    percent: float
    low: float | None = None
    high: float | None = None
    pairs: int = Field(default=0, description="pairs that it was measured on")


class Matched(Frozen):
    """The effect at the confirmation scale where both arms have the same of something; None: it cannot be told."""

    match: Literal["flops", "tokens", "time"]
    ratio: float | None = Field(
        default=None, description="what the candidate uses of it at equal compute, over what the champion does"
    )
    percent: float | None = None
    low: float | None = None
    high: float | None = None
    estimated: bool = Field(default=False, description="read off the old champion's loss-compute curve, not measured")
    note: str = ""


class Certificate(Frozen):
    """All that a promotion rests on.

    The confirmation's effect was selected for being large; `remeasured` comes from a number of fresh pairs fixed in
    advance, and `shrunken` from what all of the campaign's effects say about this one.
    """

    registered: Registered
    verdict: Verdict
    effect_percent: float = Field(description="at the confirmation scale, per cent of the old champion's score")
    low_percent: float | None = None
    high_percent: float | None = None
    remeasured: Size | None = None
    shrunken: Size | None = None
    matched: tuple[Matched, ...] = ()
    multipliers: tuple[Multiplier, ...]
    pooled: Multiplier | None = Field(default=None, description="geometric mean over scales inside the measured range")
    vault: Literal["confirmed", "advisory"] = Field(
        default="advisory", description="advisory: no sealed set confirmed it that runs could not have read"
    )
    vault_reason: str = Field(default="", description="why it is advisory")
    self_reported: tuple[str, ...] = Field(
        default=(), description="what external trainers said of these runs themselves"
    )
    data_cost: DataCost | None = Field(default=None, description="of the training text that the champion selects")
    preliminary: bool = Field(description="true below three scales inside the measured range")


class AuditStep(Frozen):
    """A promoted change that was tested again and dropped, since it no longer held."""

    dropped: int = Field(ge=1, description="the generation whose change is no longer in the champion")
    evidence: tuple[Evidence, ...] = Field(description="the champion with the change against the champion without it")
    reason: str = Field(min_length=1)


class Generation(Frozen):
    """One champion. Generation 0 has neither certificate nor audit; later ones have the one or the other."""

    number: int = Field(ge=0)
    recipe: str = Field(description="hash of the champion recipe")
    certificate: Certificate | None = None
    audit: AuditStep | None = None
