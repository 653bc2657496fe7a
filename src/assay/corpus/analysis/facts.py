"""What a report says of a corpus: frozen models that hold nothing but data, so that page and `--json` agree."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from assay.corpus.manifest import TrainText
from assay.corpus.steps.account import Account, Amount
from assay.spec.base import Frozen

__all__ = ["Amount"]

#: The step that takes documents in; every other one begins with all that there are.
ADD = "add"


class Lengths(Frozen):
    """How long documents are, in bytes of UTF-8."""

    least: int
    most: int
    mean: float
    quantiles: dict[str, int]
    bars: tuple[int, ...] = Field(description="documents between the borders that `length_bins` gives")


class DomainFacts(Frozen):
    """A domain."""

    name: str
    documents: int
    bytes: int
    tokens: int | None = Field(default=None, description="training tokens of the lab's corpus; None: not tokenised")
    bytes_per_token: float | None = Field(default=None, description="of the lab's training text")
    lengths: Lengths


class LicenceFacts(Frozen):
    """What there is under a licence."""

    licence: str
    documents: int
    bytes: int
    domains: dict[str, Amount]


class Dates(Frozen):
    """Documents by month of retrieval, and by the year that their records name."""

    retrieved: dict[str, int]
    written: dict[str, int]


class LanguageFacts(Frozen):
    """A language, as found in the sample."""

    code: str
    share: float = Field(description="of all documents, estimated")
    domains: dict[str, float] = Field(description="of the domain's documents in the sample")


class PersonalData(Frozen):
    """Pieces of personal data of one kind in a domain, in all its documents."""

    kind: str
    domain: str
    documents: int
    findings: int


class Shown(Frozen):
    """A document as a page shows it: a few words of it."""

    id: str
    domain: str
    excerpt: str


class SampleAt(Shown):
    """The document at a quantile of a statistic."""

    quantile: float
    value: float


class Threshold(Frozen):
    """A rule's threshold: what is beyond it is removed."""

    rule: str
    side: str = Field(description="least or most: which values are kept")
    published: float | None = Field(description="None: a share of each domain is kept")
    used: dict[str, float | None] = Field(default={}, description="by domain, where a step used it; None: it was off")

    def at(self, domain: str) -> float | None:
        """What holds in a domain; None: nothing."""
        return self.used.get(domain, self.published)


class Spread(Frozen):
    """How a statistic is spread over a domain's documents in the sample."""

    documents: int
    quantiles: dict[str, float]
    beyond: dict[str, float] = Field(default={}, description="share of the documents beyond a rule's threshold")


class Statistic(Frozen):
    """A number that a filter, or a classifier, gives to every document."""

    filter: str
    name: str
    thresholds: tuple[Threshold, ...]
    domains: dict[str, Spread]
    samples: tuple[SampleAt, ...]


class TopicFacts(Frozen):
    """A cluster of documents."""

    words: tuple[str, ...]
    share: float = Field(description="of all documents, estimated from the sample")
    domains: dict[str, float] = Field(description="share of the topic's documents")
    titles: tuple[Shown, ...]


class StepFacts(Frozen):
    """A step on the way here."""

    id: str
    account: Account
    parameters: dict[str, Any]
    report: dict[str, Any]


class RemovedSample(Shown):
    """A document that a step removed."""

    step: str
    rule: str
    detail: str


class DocumentLoss(Shown):
    """How hard a document is for the champion."""

    side: str = Field(description="train or heldout")
    bytes: int = Field(description="of it that were read")
    bits_per_byte: float


class Losses(Frozen):
    """The champion's loss on a sample of the lab's corpus."""

    run: str
    recipe: str
    scale: str
    domains: dict[str, dict[str, float]] = Field(description="bits per byte by domain and side")
    documents: dict[str, int] = Field(description="documents of the sample by side")
    hardest: tuple[DocumentLoss, ...]
    easiest: tuple[DocumentLoss, ...]


class CorpusFacts(Frozen):
    """Everything that a report says."""

    name: str
    kind: str = Field(description="edition, files or corpus")
    id: str = Field(description="of the edition or corpus; '': bare files")
    root: str = Field(description="Merkle root; '': none is known")
    seed: int
    totals: Amount
    tokens: int | None
    same_texts: int = Field(description="documents with exactly the text of another one before them")
    domains: tuple[DomainFacts, ...]
    length_bins: tuple[int, ...]
    licences: tuple[LicenceFacts, ...]
    sources: dict[str, int]
    dates: Dates
    sampled: Amount
    hidden: int = Field(description="documents kept out of samples, since they are or may become sealed")
    languages: tuple[LanguageFacts, ...]
    statistics: tuple[Statistic, ...]
    personal: tuple[PersonalData, ...]
    topics: tuple[TopicFacts, ...]
    steps: tuple[StepFacts, ...]
    removed: tuple[RemovedSample, ...]
    losses: Losses | None = None
    no_losses: str = Field(default="", description="why there are no losses")

    @property
    def taken_in(self) -> Amount:
        """What the steps began with, and what was added on the way; what is here where no step is known."""
        added = [step.account.into for step in self.steps if step.account.step == ADD]
        if added:
            return sum(added, Amount())
        return self.steps[0].account.into if self.steps else self.totals

    def with_tokens(self, text: Mapping[str, TrainText]) -> "CorpusFacts":
        """The same with the training tokens of the domains of a corpus."""
        domains = tuple(
            each.model_copy(
                update={
                    "tokens": text[each.name].tokens,
                    "bytes_per_token": text[each.name].bytes / max(1, text[each.name].tokens),
                }
            )
            if each.name in text
            else each
            for each in self.domains
        )
        return self.model_copy(update={"domains": domains, "tokens": sum(part.tokens for part in text.values())})
