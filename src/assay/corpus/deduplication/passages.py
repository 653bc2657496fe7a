"""Passages of many words that stood earlier in the corpus, removed from the texts in which they stand again.

All but the first of equal substrings: Lee et al. 2021, "Deduplicating Training Data Makes Language Models Better"
(arXiv:2107.06499), section 4.1. Instead of a suffix array over everything, fingerprints chosen by winnowing (Schleimer,
Wilkerson, Aiken 2003) say where a passage of `length` words could stand twice; it never misses one. Only there are the
passages themselves compared, by a hash of all their words.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from assay.corpus.deduplication.against import Against, EarlierText
from assay.corpus.deduplication.cards import CardFile, Cards, Column, cards_of, starts
from assay.corpus.deduplication.fingerprints import chosen_fingerprints, passage_hashes
from assay.corpus.deduplication.units import first_owners, indexes
from assay.corpus.deduplication.words import Words, blocks, chosen, words_of
from assay.corpus.steps.step import Batch, Judged, Survey

SAMPLES = 8


@dataclass(frozen=True)
class RepeatedPassages:
    """Passages that occur more than once.

    Attributes:
        members: (M,) int64, documents with one, in ascending order; earlier text is negative.
        keys: (K,) uint64, hashes of the passages, ascending.
        owners: (K,) int64, the document that keeps each.
        names: of the owners.
        report: JSON data.
    """

    members: np.ndarray
    keys: np.ndarray
    owners: np.ndarray
    names: dict[int, str]
    report: dict[str, Any]


@dataclass(frozen=True)
class Passages:
    """Removes all but the first of equal runs of words, as a step. Case and punctuation do not count.

    Attributes:
        length: least number of words of a run.
        against: earlier text, which comes first.
    """

    length: int = 50
    against: Against = field(default_factory=Against)
    name: str = "dedup"
    rounds: int = 2
    rule = "substring"

    def parameters(self) -> dict[str, Any]:
        """What decides the outcome."""
        return {"method": self.rule, "length": self.length, "against": self.against.identities()}

    def survey(self, number: int, batch: Batch, plan: Any) -> Survey:
        """Fingerprints of all texts; then the passages around those that occur again."""
        if number == 0:
            found = [chosen_fingerprints(words_of(block), self.length) for block in blocks(batch.texts)]
            return {"keys": np.concatenate([np.empty(0, np.uint64), *(part.hashes for part in found)])}
        inside, hashes, counts, begin = [np.empty(0, np.int64)], [np.empty(0, np.uint64)], [np.empty(0, np.int64)], 0
        for block in blocks(batch.texts):
            words = words_of(block)
            places = chosen_fingerprints(words, self.length).around(plan)
            owners = np.searchsorted(words.offsets, places, side="right") - 1
            texts, sizes = np.unique(owners, return_counts=True)
            inside.append(texts + begin)
            counts.append(sizes)
            hashes.append(passage_hashes(words.hashes, self.length)[places])
            begin += len(block)
        members = np.concatenate(inside)
        return {
            "members": members + batch.first, "keys": np.concatenate(hashes), "counts": np.concatenate(counts),
            **cards_of(batch, members),
        }  # fmt: skip

    def decide(self, number: int, surveys: Iterable[Survey], plan: Any, work: Path) -> Any:
        """Which fingerprints occur again, ascending; then which passages."""
        if number == 0:
            keys = Column(work / "keys", "<u8")
            for batch in EarlierText(self.against, work):
                keys.append(self.survey(0, batch, None)["keys"])
            for survey in surveys:
                keys.append(survey["keys"])
            found = keys.array()
            return first_owners(found, np.array([0, len(found)]))[0]
        members, keys, counts = (
            Column(work / name, kind) for name, kind in (("members", "<i8"), ("passages", "<u8"), ("counts", "<i8"))
        )
        file = CardFile(work)

        def append(survey: Survey) -> None:
            members.append(survey["members"])
            keys.append(survey["keys"])
            counts.append(survey["counts"])
            file.append(survey)

        before = EarlierText(self.against, work, sum(map(len, EarlierText(self.against, work))))
        for batch in before:
            append(self.survey(1, batch, plan))
        for survey in surveys:
            append(survey)
        again, owners, occurrences = first_owners(keys.array(), starts(counts.array()))
        return self._plan(members.array(), again, owners, occurrences, file.cards(), before.report())

    def _plan(
        self,
        members: np.ndarray,
        keys: np.ndarray,
        owners: np.ndarray,
        occurrences: np.ndarray,
        cards: Cards,
        against: dict[str, Any],
    ) -> RepeatedPassages:
        kept, again = np.unique(owners), np.bincount(owners, occurrences - 1, minlength=1)
        most = kept[np.lexsort((kept, -again[kept]))][:SAMPLES]
        report = {
            "length": self.length,
            "distinct": len(keys),
            "occurrences": int(occurrences.sum()),
            "against": against,
            "most_repeated": [
                {"document": cards[int(place)].model_dump(), "repeated": int(again[place])} for place in most
            ],
        }
        names = {int(members[place]): cards[int(place)].name for place in kept}
        return RepeatedPassages(members, keys, members[owners] if len(owners) else owners, names, report)

    def apply(self, batch: Batch, plan: RepeatedPassages) -> Judged:
        """The texts without what stood earlier; a document of which no word is left is removed."""
        removed: dict[int, str] = {}
        changed: dict[int, str] = {}
        details: dict[int, str] = {}
        inside = (
            plan.members[slice(*np.searchsorted(plan.members, [batch.first, batch.first + len(batch)]))] - batch.first
        )
        for place in inside.tolist():
            text = chosen(batch.texts, np.array([place]))
            words = words_of(text)
            gone, first = self._gone(words, batch.first + place, plan)
            if not gone.any():
                continue
            rest, runs = without(text.bytes(0), words, gone)
            details[place] = (
                f"{runs} passages repeated, {int(text.sizes[0]) - len(rest)} bytes; the first from {plan.names[first]}"
            )
            if gone.all():
                removed[place] = self.rule
            else:
                changed[place] = rest.decode()
        return Judged(removed, changed, dict.fromkeys(changed, (self.rule,)), details)

    def _gone(self, words: Words, number: int, plan: RepeatedPassages) -> tuple[np.ndarray, int]:
        """(words,) which of them are part of a passage that stood before, and where the first of these stands."""
        found = indexes(plan.keys, passage_hashes(words.hashes, self.length))
        places = np.flatnonzero(found >= 0)
        own = plan.owners[found[places]] == number
        firsts = np.zeros(len(places), bool)
        firsts[np.unique(found[places], return_index=True)[1]] = True
        places = places[~(own & firsts)]
        covered = np.zeros(len(words.hashes) + 1, np.int64)
        covered[places] += 1
        covered[places + self.length] -= 1
        first = int(plan.owners[found[places[0]]]) if len(places) else 0
        return np.cumsum(covered)[:-1] > 0, first

    def report(self, plan: RepeatedPassages) -> dict[str, Any]:
        """How many passages occur again, and the documents whose passages do most."""
        return {self.rule: plan.report}


def without(text: bytes, words: Words, gone: np.ndarray) -> tuple[bytes, int]:
    """A text without some of its words and what follows them up to the next word, and the number of runs taken out."""
    edges = np.diff(np.concatenate(([0], gone.astype(np.int8), [0])))
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    pieces, at = [], 0
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        pieces.append(text[at : int(words.starts[begin])])
        at = int(words.starts[end]) if end < len(gone) else int(words.ends[end - 1])
    return b"".join((*pieces, text[at:])), len(begins)
