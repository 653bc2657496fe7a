"""Removal of near duplicates as a step over documents."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from assay.corpus.deduplication.against import Against, EarlierText
from assay.corpus.deduplication.bands import candidates, unique_pairs
from assay.corpus.deduplication.cards import CardFile, Column, cards_of, starts
from assay.corpus.deduplication.clusters import clusters
from assay.corpus.deduplication.equal import text_hashes
from assay.corpus.deduplication.near import NearDuplicates
from assay.corpus.deduplication.outcome import Copy, Duplicates, cluster_report
from assay.corpus.deduplication.planted import Sample, estimate, sampled
from assay.corpus.deduplication.scurve import s_curve
from assay.corpus.deduplication.similarity import ShingleSets
from assay.corpus.deduplication.words import chosen
from assay.corpus.steps.step import Batch, Judged, Survey
from assay.corpus.texts import Texts


@dataclass(frozen=True)
class Candidates:
    """What the first round leaves to be compared. Places count earlier text first, then the input.

    Attributes:
        earlier: documents of earlier text.
        documents: all documents, earlier ones too.
        members: (M,) int64, those that belong to a pair, in ascending order.
        pairs: (pairs, 2) int64, indexes into `members`.
        planted: what was found of copies planted in a sample of the input.
    """

    earlier: int
    documents: int
    members: np.ndarray
    pairs: np.ndarray
    planted: dict[str, Any]


@dataclass(frozen=True)
class RemoveNearDuplicates:
    """Removes documents whose words are nearly those of one that is kept.

    Those that are equal to it to the byte count under the rule `exact`.

    Attributes:
        near: what counts as near.
        against: earlier text, which comes first.
    """

    near: NearDuplicates = field(default_factory=NearDuplicates)
    against: Against = field(default_factory=Against)
    name: str = "dedup"
    rounds: int = 2
    rule = "minhash"

    def parameters(self) -> dict[str, Any]:
        """What decides the outcome."""
        banding = self.near.banding
        return {
            "method": self.rule, "similarity": self.near.similarity, "ngram": self.near.ngram,
            "permutations": banding.permutations, "bands": banding.bands, "against": self.against.identities(),
        }  # fmt: skip

    def survey(self, number: int, batch: Batch, plan: Any) -> Survey:
        """Keys of all documents and a sample; then shingles and cards of those that are candidates."""
        if number == 0:
            texts = batch.texts
            return {"keys": self.near.keys(texts), **sampled(texts, text_hashes(texts)[:, 0])}
        numbers = plan.members - plan.earlier
        inside = numbers[slice(*np.searchsorted(numbers, [batch.first, batch.first + len(batch)]))] - batch.first
        if not len(inside):
            return {}
        texts = chosen(batch.texts, inside)
        sets, prints = self.near.sets(texts), text_hashes(texts)[:, 0]
        return {
            "values": sets.values, "sizes": sets.sizes, "sums": sets.sums, "prints": prints, **cards_of(batch, inside),
        }  # fmt: skip

    def decide(self, number: int, surveys: Iterable[Survey], plan: Any, work: Path) -> Any:
        """Which documents are to be compared; then which of them go."""
        return self._candidates(surveys, work) if number == 0 else self._duplicates(surveys, plan, work)

    def _candidates(self, surveys: Iterable[Survey], work: Path) -> Candidates:
        columns = [Column(work / f"keys-{table}", "<u8") for table in range(self.near.banding.tables)]
        documents, sample, before = 0, Sample(), EarlierText(self.against, work)
        for batch in before:
            _append(columns, self.near.keys(batch.texts))
        for survey in surveys:
            documents += len(survey["keys"])
            _append(columns, survey["keys"])
            sample.add(survey)
        earlier = before.documents
        documents += earlier
        pairs = np.empty((0, 2), np.int64)
        for column in columns:
            found = candidates(column.array())
            found = found[found[:, 1] >= earlier]  # what is double in earlier text stays so
            pairs = unique_pairs(np.concatenate((pairs, found)), documents)
        members = np.unique(pairs)
        return Candidates(earlier, documents, members, np.searchsorted(members, pairs), self._planted(sample.texts()))

    def _planted(self, texts: Sequence[str]) -> dict[str, Any]:
        def remove(some: Texts) -> dict[int, int]:
            return {place: kept for place, (kept, _) in self.near.of(some).gone.items()}

        return estimate(texts, self.near.ngram, self.near.similarity, self.near.banding.probability, remove)

    def _duplicates(self, surveys: Iterable[Survey], plan: Candidates, work: Path) -> Duplicates:
        kinds = {"values": "<u4", "sizes": "<i8", "sums": "<u8", "prints": "<u8"}
        columns = {name: Column(work / name, kind) for name, kind in kinds.items()}
        file = CardFile(work)

        def append(survey: Survey) -> None:
            if survey:
                file.append(survey)
                for name, column in columns.items():
                    column.append(survey[name])

        before = EarlierText(self.against, work, plan.earlier)
        for batch in before:
            append(self.survey(1, batch, plan))
        for survey in surveys:
            append(survey)
        values, sizes, sums, prints = (column.array() for column in columns.values())
        removed = self.near.removed(ShingleSets(values, starts(sizes), sums), plan.pairs)
        cards, roots = file.cards(), clusters(len(plan.members), removed.alike.tolist())
        gone = {place: found for place, found in removed.gone.items() if plan.members[place] >= plan.earlier}
        copies = [Copy(cards[kept], cards[place], value) for place, (kept, value) in gone.items()]
        places = np.array(list(gone), np.int64)
        return Duplicates(
            numbers=plan.members[places] - plan.earlier,
            kept=[copy.kept.name for copy in copies],
            similarity=np.array([copy.jaccard for copy in copies], np.float32),
            equal=prints[places] == prints[[kept for kept, _ in gone.values()]] if gone else None,
            report={
                **cluster_report(copies, roots[places].tolist(), Counter(roots.tolist())),
                "candidates": {
                    "documents": len(plan.members), "pairs": len(plan.pairs), "alike": len(removed.alike),
                },
                "against": before.report(),
                "planted": plan.planted,
                "s_curve": s_curve(self.near.banding, self.near.similarity),
            },
        )  # fmt: skip

    def apply(self, batch: Batch, plan: Duplicates) -> Judged:
        """What becomes of the documents of a batch."""
        return plan.judged(batch, self.rule)

    def report(self, plan: Duplicates) -> dict[str, Any]:
        """Clusters with samples, recall and precision on planted copies, and the S-curve."""
        return {self.rule: dict(plan.report)}


def _append(columns: Sequence[Column], keys: np.ndarray) -> None:
    for column, values in zip(columns, keys.T, strict=True):
        column.append(values)
