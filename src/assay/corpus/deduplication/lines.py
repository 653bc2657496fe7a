"""Lines and paragraphs that stood earlier in the corpus, removed from the texts in which they stand again.

All but the first of equal paragraphs: Wenzek et al. 2020, "CCNet" (arXiv:1911.00359), section 3.1.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from assay.corpus.deduplication.against import Against, EarlierText
from assay.corpus.deduplication.cards import Column, starts
from assay.corpus.deduplication.units import Unit, first_owners, indexes, unit_hashes, units
from assay.corpus.steps.step import Batch, Judged, Survey

SAMPLES = 10
SAMPLE_BYTES = 200


@dataclass(frozen=True)
class Repeated:
    """Units that occur more than once.

    Attributes:
        keys: (K,) uint64, ascending.
        owners: (K,) int64, the document that keeps each; of earlier text: negative.
        counts: (K,) int64, how often each occurs.
        shown: indexes of those whose texts the report shows.
        report: JSON data, at the end.
    """

    keys: np.ndarray
    owners: np.ndarray
    counts: np.ndarray
    shown: np.ndarray
    report: dict[str, Any]


@dataclass(frozen=True)
class RepeatedUnits:
    """Removes all but the first of equal lines or paragraphs, as a step.

    Attributes:
        rule: `lines` or `paragraphs`.
        against: earlier text, which comes first.
    """

    rule: Unit = "lines"
    against: Against = field(default_factory=Against)
    name: str = "dedup"
    rounds: int = 2

    def parameters(self) -> dict[str, Any]:
        """What decides the outcome."""
        return {"method": self.rule, "against": self.against.identities()}

    def survey(self, number: int, batch: Batch, plan: Any) -> Survey:
        """Hashes of all units; then the texts of those that the report shows."""
        if number == 0:
            found = [unit_hashes(batch.texts.bytes(i), self.rule)[1] for i in range(len(batch))]
            keys = np.array([key for keys in found for key in keys], np.uint64)
            return {"keys": keys, "counts": np.array([len(keys) for keys in found], np.int64)}
        owners = plan.owners[plan.shown] - batch.first
        mine = plan.shown[(owners >= 0) & (owners < len(batch))]
        texts = [self._text(batch.texts.bytes(int(plan.owners[k]) - batch.first), plan.keys[k]) for k in mine]
        return {"shown": mine, "texts": np.array(texts, f"S{SAMPLE_BYTES}")}

    def _text(self, text: bytes, key: np.uint64) -> bytes:
        places, keys = unit_hashes(text, self.rule)
        begin, end, _ = units(text, self.rule)[places[keys.index(int(key))]]
        return text[begin:end].strip()[:SAMPLE_BYTES]

    def decide(self, number: int, surveys: Iterable[Survey], plan: Any, work: Path) -> Repeated:
        """Which units occur again."""
        if number == 1:
            return self._shown(surveys, plan, work)
        keys, counts = Column(work / "keys", "<u8"), Column(work / "counts", "<i8")
        before = EarlierText(self.against, work)
        for batch in before:
            survey = self.survey(0, batch, None)
            keys.append(survey["keys"])
            counts.append(survey["counts"])
        for survey in surveys:
            keys.append(survey["keys"])
            counts.append(survey["counts"])
        again, owners, counted = first_owners(keys.array(), starts(counts.array()))
        shown = np.lexsort((again, -counted))[:SAMPLES]
        report = {
            "distinct": len(again),
            "occurrences": int(counted.sum()),
            "against": before.report(),
        }
        return Repeated(again, owners - before.documents, counted, np.sort(shown), report)

    def _shown(self, surveys: Iterable[Survey], plan: Repeated, work: Path) -> Repeated:
        texts: dict[int, bytes] = {}
        for survey in surveys:
            texts.update(zip(survey["shown"].tolist(), survey["texts"].tolist(), strict=True))
        earlier = plan.report["against"]["documents"]
        for batch in EarlierText(self.against, work, earlier) if len(texts) < len(plan.shown) else ():
            survey = self.survey(1, batch, plan)
            texts.update(zip(survey["shown"].tolist(), survey["texts"].tolist(), strict=True))
        most = [
            {"text": texts[place].decode(errors="ignore"), "occurrences": int(plan.counts[place])}
            for place in sorted(texts, key=lambda place: (-plan.counts[place], place))
        ]
        return Repeated(plan.keys, plan.owners, plan.counts, plan.shown, {**plan.report, "most_frequent": most})

    def apply(self, batch: Batch, plan: Repeated) -> Judged:
        """The texts without what stood earlier; a document of which nothing is left is removed."""
        removed: dict[int, str] = {}
        texts: dict[int, str] = {}
        details: dict[int, str] = {}
        for i in range(len(batch)):
            text = batch.texts.bytes(i)
            gone = self._gone(text, batch.first + i, plan)
            if not len(gone):
                continue
            spans = units(text, self.rule)
            left, begin = [], 0
            for place in gone:
                left.append(text[begin : spans[place][0]])
                begin = spans[place][2]
            rest = b"".join((*left, text[begin:]))
            details[i] = f"{len(gone)} of {len(spans)} {self.rule} repeated, {len(text) - len(rest)} bytes"
            if rest.strip():
                texts[i] = rest.decode()
            else:
                removed[i] = self.rule
        return Judged(removed, texts, dict.fromkeys(texts, (self.rule,)), details)

    def _gone(self, text: bytes, number: int, plan: Repeated) -> list[int]:
        """Which units of a text stood before, here or in an earlier text."""
        places, keys = unit_hashes(text, self.rule)
        found = indexes(plan.keys, np.array(keys, np.uint64))
        gone: list[int] = []
        seen: set[int] = set()
        for k in np.flatnonzero(found >= 0).tolist():
            key = int(found[k])
            if plan.owners[key] == number and key not in seen:
                seen.add(key)
            else:
                gone.append(places[k])
        return gone

    def report(self, plan: Repeated) -> dict[str, Any]:
        """How many units occur again, and the most frequent ones."""
        return {self.rule: plan.report}
