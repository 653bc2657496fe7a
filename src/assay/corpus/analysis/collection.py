"""What can be looked at or compared: an edition of a lab, bare files, or a tokenised corpus."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from assay.corpus.analysis.facts import StepFacts
from assay.corpus.manifest import TrainText
from assay.corpus.steps.step import Batch


@dataclass(frozen=True)
class Read:
    """A batch of documents.

    Attributes:
        batch: with texts and columns.
        records: the fields of each document that no column holds.
        done: bytes of the input read so far.
    """

    batch: Batch
    records: Sequence[Mapping[str, Any]]
    done: int


@dataclass(frozen=True)
class Removed:
    """A document that a step removed."""

    step: str
    rule: str
    detail: str
    id: str
    domain: str
    group: str
    text: str


class Collection(Protocol):
    """Documents, and how they came to be.

    Attributes:
        name: of the lab, file or folder.
        kind: what it is.
        id: of an edition or corpus; "" of bare files.
        root: Merkle root over the documents; "" where none is known.
        steps: from the first to the last, as far as they are known.
        trained_on: the training side of each domain, where it was tokenised.
        size: bytes that a pass reads.
    """

    name: str
    kind: Literal["edition", "files", "corpus"]
    id: str
    root: str
    steps: tuple[StepFacts, ...]
    size: int

    @property
    def trained_on(self) -> Mapping[str, TrainText]: ...

    def read(self) -> Iterator[Read]:
        """All documents in order, batch by batch; as often as wanted."""
        ...

    def removed(self) -> Iterator[Removed]:
        """Documents that the steps removed, step by step; as far as anything is kept of them."""
        ...


def open_collection(path: Path, work: Path, *, skip_bad: bool = False) -> Collection:
    """An edition by its folder, a tokenised corpus by its own, or bare files.

    Args:
        work: an empty folder for what is found on the way.
        skip_bad: pass over bare records that are no documents.

    Raises:
        UserError: there is nothing there that could be read.
    """
    from assay.corpus.analysis.bare_text import BareText
    from assay.corpus.analysis.corpus_text import CorpusText, is_corpus
    from assay.corpus.analysis.edition_text import EditionText, is_edition

    if is_edition(path):
        return EditionText(path)
    if is_corpus(path):
        return CorpusText(path)
    return BareText(path, work, skip_bad)
