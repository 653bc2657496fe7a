"""Batches of records from bare files, parsed no sooner and no more often than something is asked of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from assay.corpus.bad import BadDocument
from assay.corpus.documents import UNKNOWN_LICENCE, content_group, id_group
from assay.corpus.licences.policy import Terms, refusals
from assay.corpus.records import clean
from assay.corpus.steps.facts import Facts, examine, load_line
from assay.corpus.steps.lines import Lines
from assay.corpus.steps.surveys import Surveys
from assay.corpus.texts import Texts
from assay.spec.lab import LicencePolicy

REFUSED = "licence"


class BareBatch:
    """Documents of a batch of lines, parsed when a text or a field is asked for.

    Attributes:
        first: number of the first of them.
        facts: about them.
        lines: what they were read from.
    """

    def __init__(self, piece: "BarePiece", facts: Facts | None) -> None:
        self.lines, self.first, self._source = piece.lines, piece.first, piece.source
        self._texts: Texts | None = None
        if facts is None:
            examined = examine(piece.lines, piece.domain, piece.settled, piece.skip_bad)
            self.facts, self.__dict__["records"], self._texts = examined
        else:
            self.facts = facts

    def __len__(self) -> int:
        return len(self.facts)

    @cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Start, end and number of the line of each document."""
        bad = self.facts.bad
        starts, ends, numbers = self.lines.bounds
        return (
            (np.delete(starts, bad), np.delete(ends, bad), np.delete(numbers, bad))
            if len(bad)
            else (starts, ends, numbers)
        )

    @cached_property
    def records(self) -> list[Any]:
        """The JSON object of each document."""
        starts, ends, _ = self.bounds
        raw = self.lines.raw
        return [load_line(raw[start:end]) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]

    @property
    def texts(self) -> Texts:
        if self._texts is None:
            self._texts = Texts.of([record["text"] for record in self.records])
        return self._texts

    @property
    def sizes(self) -> np.ndarray:
        return self.facts.sizes

    @property
    def domains(self) -> tuple[np.ndarray, list[str]]:
        return self.facts.domains, self.facts.names

    def column(self, name: str) -> Sequence[str]:
        """A field of each document."""
        if name == "domain":
            return [self.facts.names[code] for code in self.facts.domains]
        if name == "id":
            return [self._id(i, record) for i, record in enumerate(self.records)]
        if name == "group":
            return [self._group(i, record) for i, record in enumerate(self.records)]
        default = {"source": self._source, "licence": UNKNOWN_LICENCE, "retrieved": ""}[name]
        other = "license" if name == "licence" else name
        return [clean(record.get(name) or record.get(other) or default) for record in self.records]

    def _id(self, i: int, record: Any) -> str:
        given = record.get("id")
        return f"{self.lines.name}:{self.bounds[2][i]}" if given is None else clean(given)

    def _group(self, i: int, record: Any) -> str:
        if self.lines.unit == "file":  # made of whole documents, which know theirs
            return record["group"]
        given = record.get("id")
        return content_group(self.texts.bytes(i)) if given is None else id_group(clean(given))


@dataclass(frozen=True)
class BarePiece:
    """A batch that is still to be parsed.

    Attributes:
        index: place among the pieces of the input.
        shard: place of its file among the files.
        first: number of its first document; of the line, as long as no line has been looked at.
        done: bytes of the input read so far.
        terms: on which documents are taken.
    """

    index: int
    shard: int
    first: int
    done: int
    lines: Lines
    domain: str
    settled: bool
    source: str
    facts: Surveys
    skip_bad: bool
    terms: Terms

    def load(self) -> BareBatch:
        """The documents. The first time, the lines are checked and what was found is kept for later."""
        if self.facts.has(self.index):
            return BareBatch(self, Facts.of(self.facts.load(self.index)))
        batch = self._licensed(BareBatch(self, None))
        self.facts.save(self.index, batch.facts.arrays())
        return batch

    def _licensed(self, batch: BareBatch) -> BareBatch:
        """The documents whose licences are not refused. Raises `BadDocument` if one is, unless it is passed over."""
        if self.terms.policy == LicencePolicy():
            return batch
        refused = refusals(self.terms.policy, [self.terms.name(found) for found in batch.column("licence")])
        if not refused:
            return batch
        if not self.skip_bad:
            row, reason = next(iter(refused.items()))
            where = self.lines.where(int(batch.bounds[2][row]))
            raise BadDocument(
                REFUSED,
                f"{where}: [licences] in lab.toml refuses the document, since {reason}; leave it out, or "
                f"say with --licence what it is under",
            )
        facts = batch.facts
        lines = np.delete(np.arange(len(facts) + len(facts.bad)), facts.bad)[list(refused)]
        return BareBatch(self, facts.without(np.array(list(refused)), lines, REFUSED))
