"""What every filter is: statistics of texts with rules that compare them to thresholds, or edits that change texts.

A filter is a frozen model whose fields are its options: `C4()`, `Language(keep=("fr",))`. It is one file in this
folder and one line under `corpus_filter` in `spec/registry.py`. The step that uses filters (`steps/clean.py`) learns
thresholds, decides and reports; a filter only measures and edits. Filters see a chunk of documents at once, taken apart
by `Parsed`, whose parts are made once for all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from assay.corpus.filters.parsed import Parsed

Side = Literal["least", "most"]


@dataclass(frozen=True)
class Rule:
    """A document is removed if its statistic is below a threshold (`least`), or above it (`most`); never if it is NaN.

    Attributes:
        name: what is wrong with what it removes: `few_words`.
        statistic: what is compared, a key of what the filter's `measure` returns.
        side: which values are kept: those of at least the threshold, or at most.
        threshold: the published one.
        learned: the threshold may be relaxed in a domain of which it would remove too much.
        share: instead of a published threshold: of each domain the best documents are kept, until they have this share
            of its bytes.
    """

    name: str
    statistic: str
    side: Side
    threshold: float
    learned: bool = True
    share: float | None = None


@dataclass(frozen=True)
class Edit:
    """A rule that changes a text and keeps the document.

    Attributes:
        name: what it takes away: `javascript`.
        learned: it may be switched off in a domain of which it would take away too much.
        within: it changes lines that stay. Where most documents of a domain have what it takes away, that is how one
            writes there, `[0]` in code, and the edit is off.
    """

    name: str
    learned: bool = True
    within: bool = False


@dataclass(frozen=True)
class Edited:
    """What a filter's edits made of a chunk of N documents.

    Attributes:
        texts: the new text, as UTF-8, of each document that changed, by its number in the chunk.
        taken: (N, edits) int64, bytes that each edit took away, one after the other; negative where it added some.
        used: (N, edits) bool, which edits changed a document; where None: those that took something.
        details: a few words about what was changed, by number in the chunk.
    """

    texts: Mapping[int, bytes]
    taken: np.ndarray
    used: np.ndarray | None = None
    details: Mapping[int, str] = field(default_factory=dict)


@runtime_checkable
class Filter(Protocol):
    """One filter with its options. What it finds in a document depends on that document alone.

    Attributes:
        name: as in the registry.
        rules: what removes documents, in the order of their use. Empty: the filter only edits, and nothing is measured.
        edits: what changes texts. Empty: the filter only measures. Where there are both, rules judge the edited text.
    """

    @property
    def name(self) -> str: ...

    @property
    def rules(self) -> tuple[Rule, ...]: ...

    @property
    def edits(self) -> tuple[Edit, ...]: ...

    def measure(self, parsed: Parsed) -> dict[str, np.ndarray]:
        """Every statistic of a chunk of N documents, (N,) numbers each."""
        ...

    def edit(self, parsed: Parsed, on: np.ndarray) -> Edited:
        """Make the edits that are switched on, (N, edits) bool, in a chunk of N documents."""
        ...

    def losses(self, parsed: Parsed) -> np.ndarray:
        """(N, edits) int64, bytes that each edit would take away from a chunk of N documents if it were the only one.

        Only asked where one of the edits is learned; of others the numbers do not matter.
        """
        ...


class Measuring:
    """A base for filters that only measure."""

    @property
    def edits(self) -> tuple[Edit, ...]:
        return ()

    def edit(self, parsed: Parsed, on: np.ndarray) -> Edited:  # noqa: ARG002
        raise AssertionError("this filter has no edits")

    def losses(self, parsed: Parsed) -> np.ndarray:  # noqa: ARG002
        raise AssertionError("this filter has no edits")


class Editing:
    """A base for filters that only edit."""

    @property
    def rules(self) -> tuple[Rule, ...]:
        return ()

    def measure(self, parsed: Parsed) -> dict[str, np.ndarray]:  # noqa: ARG002
        raise AssertionError("this filter has no rules")


@runtime_checkable
class Reading(Protocol):
    """A filter whose options name files."""

    @property
    def contents(self) -> str:
        """Hash of what it reads."""
        ...
