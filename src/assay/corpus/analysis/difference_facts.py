"""What a comparison of two collections says."""

from pydantic import Field

from assay.corpus.analysis.facts import Shown
from assay.corpus.steps.account import Amount
from assay.spec.base import Frozen


class Side(Frozen):
    """One of the two."""

    name: str
    kind: str
    id: str
    root: str
    documents: int
    bytes: int
    tokens: int | None = Field(description="training tokens; None: not tokenised")


class Changed(Frozen):
    """Documents whose text changed, and their bytes before and after."""

    documents: int = 0
    before: int = 0
    after: int = 0


class Change(Frozen):
    """What became of documents."""

    same: Amount = Amount()
    moved: Amount = Field(default=Amount(), description="same text under another id or domain")
    changed: Changed = Changed()
    removed: Amount = Amount()
    added: Amount = Amount()


class ByRule(Frozen):
    """Documents that a step's rule made a difference of; step and rule are '' where none is known."""

    step: str
    rule: str
    documents: int
    bytes: int


class Sample(Shown):
    """A document that was added, removed or changed."""

    kind: str = Field(description="added, removed or changed")
    rule: str = Field(default="", description="STEP: RULE that removed it, where known")
    detail: str = ""
    lines: tuple[str, ...] = Field(default=(), description="of a change: lines that begin with - or +")


class Difference(Frozen):
    """From one collection, `a`, to another, `b`."""

    a: Side
    b: Side
    total: Change
    domains: dict[str, Change] = Field(description="by domain: of `b` what was added, of `a` all else")
    removed_by: tuple[ByRule, ...] = Field(
        description="documents of `a` that are not in `b`, by what removed them there"
    )
    kept_out_by: tuple[ByRule, ...] = Field(
        description="documents of `b` that are not in `a`, by what removed them there"
    )
    changed_by: tuple[ByRule, ...] = Field(
        description="changes that the steps from `a` to `b` made, by rule; a document may count under several"
    )
    samples: tuple[Sample, ...]
