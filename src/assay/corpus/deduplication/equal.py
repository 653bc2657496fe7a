"""Equal documents: to the byte, or in normal form."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xxhash

from assay.corpus.deduplication.against import Against, EarlierText
from assay.corpus.deduplication.cards import CardFile, Column, cards_of
from assay.corpus.deduplication.normal import normal_form
from assay.corpus.deduplication.outcome import Copy, Duplicates, cluster_report
from assay.corpus.steps.step import Batch, Judged, Survey
from assay.corpus.texts import Texts


def text_hashes(texts: Texts, form: Callable[[bytes], bytes] | None = None) -> np.ndarray:
    """(N, 2) uint64, the halves of a 128-bit hash (XXH3) of each text, or of a form of it."""
    data, bounds, digest = texts.data.data, texts.offsets.tolist(), xxhash.xxh3_128_digest
    if form is None:
        found = [digest(data[begin:end]) for begin, end in pairwise(bounds)]
    else:
        found = [digest(form(bytes(data[begin:end]))) for begin, end in pairwise(bounds)]
    return np.frombuffer(b"".join(found), "<u8").reshape(-1, 2)


def firsts(keys: np.ndarray) -> np.ndarray:
    """(N,) int64, for each key (N, 2) the place of the first one that is equal to it."""
    order = np.argsort(keys[:, 0], kind="stable")
    ordered = keys[order]
    begins = np.ones(len(keys), bool)
    begins[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    found = np.empty(len(keys), np.int64)
    found[order] = order[np.flatnonzero(begins)][np.cumsum(begins) - 1]
    return found


@dataclass(frozen=True)
class EqualDocuments:
    """Removes documents that are equal to an earlier one, as a step.

    Attributes:
        rule: `exact`, or `normalised` for equality of normal forms.
        against: earlier text, which comes first.
    """

    rule: Literal["exact", "normalised"] = "exact"
    against: Against = field(default_factory=Against)
    name: str = "dedup"
    rounds: int = 1

    def parameters(self) -> dict[str, Any]:
        """What decides the outcome."""
        return {"method": self.rule, "against": self.against.identities()}

    def survey(self, number: int, batch: Batch, plan: Any) -> Survey:  # noqa: ARG002
        """Hash and card of each document."""
        form = normal_form if self.rule == "normalised" else None
        return {"keys": text_hashes(batch.texts, form), **cards_of(batch, range(len(batch)))}

    def decide(self, number: int, surveys: Iterable[Survey], plan: Any, work: Path) -> Duplicates:  # noqa: ARG002
        """Which documents go."""
        column, file = Column(work / "keys", "<u8"), CardFile(work)
        before = EarlierText(self.against, work)
        for batch in before:
            survey = self.survey(0, batch, None)
            column.append(survey["keys"])
            file.append(survey)
        for survey in surveys:
            column.append(survey["keys"])
            file.append(survey)
        keys, cards, earlier = column.array().reshape(-1, 2), file.cards(), before.documents
        kept = firsts(keys)
        gone = np.flatnonzero(kept != np.arange(len(keys)))
        gone = gone[(gone >= earlier) & (cards.sizes[gone] > 0)]
        sizes = {first: dropped + 1 for first, dropped in Counter(kept[gone].tolist()).items()}
        copies = [Copy(cards[int(kept[place])], cards[int(place)]) for place in gone]
        return Duplicates(
            numbers=gone - earlier,
            kept=[copy.kept.name for copy in copies],
            report={**cluster_report(copies, kept[gone].tolist(), sizes), "against": before.report()},
        )

    def apply(self, batch: Batch, plan: Duplicates) -> Judged:
        """What becomes of the documents of a batch."""
        return plan.judged(batch, self.rule)

    def report(self, plan: Duplicates) -> dict[str, Any]:
        """Clusters with samples."""
        return {self.rule: dict(plan.report)}
