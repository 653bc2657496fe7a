"""Audits of the champion: what was asked of each promoted change, and what came out."""

from typing import Literal

from pydantic import Field

from assay.spec.base import Frozen
from assay.spec.verdict import Evidence

Answer = Literal["open", "holds", "does not hold", "undecided", "superseded", "cannot be taken back"]


class Question(Frozen):
    """Does the champion lose by taking one promoted change back?"""

    generation: int = Field(ge=0, description="the generation that brought the change; 0: all of them, the drift")
    without: str | None = Field(description="hash of the champion's recipe without it; None: there is none to train")
    note: str = Field(default="", description="why it cannot be asked")


class AuditRound(Frozen):
    """One champion under audit. `threshold` is what an e-value must reach for any answer of this round."""

    audit: int = Field(ge=1)
    round: int = Field(ge=1)
    generation: int
    champion: str
    scale: str
    trainer: str
    threshold: float
    cap: int = Field(description="most pairs a question")
    questions: tuple[Question, ...]


class Answered(Frozen):
    """What a question's pairs say. Effects are positive where the change helps."""

    generation: int
    answer: Answer
    evidence: Evidence | None = None
    e_value: float = Field(default=1.0, description="against 'the champion is no better than without it'")
    e_value_less: float = Field(default=1.0, description="against 'it gives min_effect or more'")
    reasons: tuple[str, ...] = ()


class AuditVerdict(Frozen):
    """Where a round of an audit stands when its session ends."""

    audit: int
    round: int
    complete: bool = Field(description="false: the budget ended before every question had its answer or all its pairs")
    answers: tuple[Answered, ...]
    dropped: int | None = Field(default=None, description="generation whose change is taken out of the champion")
