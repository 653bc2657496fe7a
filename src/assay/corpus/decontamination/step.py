"""The step `decontaminate`: a survey finds the n-grams of evaluations; then it is known which are common phrases."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from assay.corpus.decontamination.blocks import blocks
from assay.corpus.decontamination.evaluations import HELDOUT, SEALED, Evaluation, document_key, key_of, pieces_of
from assay.corpus.decontamination.matches import WORD_BITS, Attributed, Matches, attribute
from assay.corpus.decontamination.ngrams import NGRAM, Index, NGrams, ngrams_of
from assay.corpus.decontamination.review import Labels, phrases
from assay.corpus.decontamination.sealed import SealedNGrams
from assay.corpus.decontamination.spans import Span, cut, joined, told
from assay.corpus.steps.step import Batch, Judged, Survey
from assay.spec.base import canonical_json, sha256_text

#: An n-gram in more documents is a common phrase (Brown et al. 2020, appendix C).
COMMON = 10
Removal = Literal["document", "span"]


@dataclass(frozen=True)
class Plan:
    """What becomes of which documents.

    Attributes:
        numbers: (C,) contaminated documents, ascending.
        evaluations: of each, the names of what it holds text of, in the order of the evaluations.
        spans: of each, the stretches that do, without those of sealed text.
        labels: of each span, whose text it is.
        report: JSON data.
    """

    numbers: np.ndarray
    evaluations: list[tuple[str, ...]]
    spans: list[list[Span]]
    labels: list[list[str]]
    report: dict[str, Any]


class Decontaminate:
    """Takes out documents, or spans of them, that hold text of evaluations.

    Args:
        evaluations: what is looked for.
        sealed: n-grams of the lab's sealed documents; None: there are none.
        own: keys (`document_key`) of documents that are held out or sealed themselves, and so no training text.
        n: words of an n-gram.
        common: an n-gram in more documents is a common phrase, and removes nothing.
        remove: whole documents, or the sentences and lines around what was found. A document with sealed text always
            goes as a whole, since what was cut would tell it.
    """

    name = "decontaminate"
    rounds = 1

    def __init__(
        self,
        evaluations: Sequence[Evaluation],
        *,
        sealed: SealedNGrams | None = None,
        own: frozenset[int] = frozenset(),
        n: int = NGRAM,
        common: int = COMMON,
        remove: Removal = "document",
    ) -> None:
        self._evaluations = list(evaluations)
        self._pieces = pieces_of(evaluations, n)
        rows = [ngrams_of(self._pieces.texts, self._pieces.items, n)]
        self._items = [len(evaluation.labels) for evaluation in evaluations]
        self._names = [evaluation.name for evaluation in evaluations]
        if sealed is not None:
            rows.append(sealed.ngrams(first_item=sum(self._items)))
            self._items.append(sealed.items)
            self._names.append(SEALED)
        self._evaluation_of = np.repeat(np.arange(len(self._names)), self._items)
        self._index = Index.of(NGrams.joined(rows), n)
        self._own = own | (sealed.documents if sealed is not None else frozenset())
        self._sealed = sealed
        self._common, self._remove = common, remove

    def parameters(self) -> dict[str, Any]:
        """What decides: the evaluations by hashes of their texts, the sealed ones by their commitment."""
        texts = {e.name: sha256_text(canonical_json([list(item) for item in e.texts])) for e in self._evaluations}
        if self._sealed is not None:
            texts[SEALED] = self._sealed.commitment
        return {"ngram": self._index.n, "common": self._common, "remove": self._remove, "evaluations": texts}

    def survey(self, number: int, batch: Batch, plan: Any) -> Survey:  # noqa: ARG002
        """Every occurrence of an n-gram of the evaluations, and how often each word occurs."""
        texts = batch.texts
        words = np.zeros(1 << WORD_BITS, np.int64)
        found: list[np.ndarray] = [np.zeros((4, 0), np.int64)]
        for block in blocks(texts, self._index.n - 1):
            hashes = block.words.hashes[: block.fresh]
            words += np.bincount(hashes >> np.uint64(64 - WORD_BITS), minlength=len(words))
            hits = self._index.find(block)
            if len(hits.texts):
                documents = block.first + hits.texts
                begin = block.offset - texts.offsets[documents]
                found.append(np.stack([documents, hits.ngrams, hits.starts + begin, hits.ends + begin]))
        documents, ngrams, starts, ends = np.unique(np.concatenate(found, axis=1), axis=1)
        which, places = np.unique(documents, return_inverse=True)
        domains, ids, sources = (_some(batch.column(name), which) for name in ("domain", "id", "source"))
        own = [key in self._own for key in map(document_key, domains, ids)]
        return {
            "numbers": batch.first + which, "bytes": texts.sizes[which], "domains": np.array(domains, np.str_),
            "sources": np.array([key_of(source) for source in sources], np.uint64), "own": np.array(own, bool),
            "documents": places, "ngrams": ngrams, "starts": starts, "ends": ends, "words": words.astype(np.uint32),
        }  # fmt: skip

    def decide(self, number: int, surveys: Iterable[Survey], plan: Any, work: Path) -> Plan:  # noqa: ARG002
        """Set common phrases apart, and say of every other match whose text it is."""
        index = self._index
        own = np.array([name in (HELDOUT, SEALED) for name in self._names], bool)
        matches = _foreign(Matches.of(surveys), index, own[self._evaluation_of])
        documents, _ = matches.spread(index)
        common = documents > self._common
        counting = matches.only(~common[matches.ngrams])
        attributed = attribute(counting, index, self._evaluation_of, own)
        report = self._report(matches, common, counting, attributed)
        return self._plan(counting, attributed, report)

    def apply(self, batch: Batch, plan: Plan) -> Judged:
        """Remove or cut what was found."""
        removed: dict[int, str] = {}
        texts: dict[int, str] = {}
        changed: dict[int, tuple[str, ...]] = {}
        details: dict[int, str] = {}
        first, last = np.searchsorted(plan.numbers, [batch.first, batch.first + len(batch)])
        for i in range(int(first), int(last)):
            place, names, spans = int(plan.numbers[i]) - batch.first, plan.evaluations[i], plan.spans[i]
            text = batch.texts.bytes(place)
            sealed = ["text of sealed documents"] if SEALED in names else []
            details[place] = "; ".join([*sealed, *filter(None, [told(text, spans, plan.labels[i])])])
            rest = cut(text, spans) if self._remove == "span" and not sealed else None
            if rest is None:
                removed[place] = names[0]
            else:
                texts[place], changed[place] = rest, names
        return Judged(removed, texts, changed, details)

    def report(self, plan: Plan) -> dict[str, Any]:
        """By evaluation and domain, and what a person should look at."""
        return plan.report

    def _plan(self, matches: Matches, attributed: Attributed, report: dict[str, Any]) -> Plan:
        labels = Labels(self._evaluations)
        whose = np.full(len(self._index.hashes), -1, np.int64)  # an item that has the n-gram and may be named
        used = np.unique(matches.ngrams)
        for ngram in used.tolist():
            items = self._index.items[self._index.bounds[ngram] : self._index.bounds[ngram + 1]]
            named = items[items < sum(len(evaluation.labels) for evaluation in self._evaluations)]
            whose[ngram] = named[0] if len(named) else -1
        shown = whose[matches.ngrams] >= 0
        documents = matches.documents[shown]
        starts, ends, ngrams = matches.starts[shown], matches.ends[shown], matches.ngrams[shown]
        which, first = np.unique(attributed.documents, return_index=True)
        last = np.append(first[1:], len(attributed.documents))
        begin, end = np.searchsorted(documents, which), np.searchsorted(documents, which, "right")
        plan = Plan(matches.numbers[which], [], [], [], report)
        for i in range(len(which)):
            rows = slice(int(begin[i]), int(end[i]))
            spans = joined(starts[rows], ends[rows], ngrams[rows])
            plan.evaluations.append(tuple(self._names[e] for e in attributed.evaluations[first[i] : last[i]]))
            plan.spans.append(spans)
            plan.labels.append([" ".join(labels[int(whose[span.ngram])]) for span in spans])
        return plan

    def _report(
        self, matches: Matches, common: np.ndarray, counting: Matches, attributed: Attributed
    ) -> dict[str, Any]:
        index = self._index
        looked_for = np.zeros(len(self._evaluation_of), bool)
        looked_for[index.items] = True
        hit = np.zeros(len(self._evaluation_of), bool)
        for ngram in np.unique(counting.ngrams).tolist():
            hit[index.items[index.bounds[ngram] : index.bounds[ngram + 1]]] = True
        by_evaluation: dict[str, Any] = {}
        for number, name in enumerate(self._names):
            mine = self._evaluation_of == number
            documents = attributed.documents[attributed.evaluations == number]
            facts: dict[str, Any] = {"items": int(mine.sum())}
            if name != SEALED:
                facts |= {"too_short": int((mine & ~looked_for).sum()), "items_found": int((mine & hit).sum())}
            by_evaluation[name] = facts | {
                "documents": len(documents), "bytes": int(matches.bytes[documents].sum()),
                "domains": {
                    str(domain): int((matches.domains[documents] == domain).sum())
                    for domain in np.unique(matches.domains[documents])
                },
            }  # fmt: skip
        suspects, usual = phrases(matches, index, common, self._pieces.texts, self._evaluations)
        only_common = np.setdiff1d(matches.documents, counting.documents)
        return {
            "ngrams": len(index.hashes), "evaluations": by_evaluation,
            "common_phrases": {"ngrams": int(common.sum()), "documents_kept": len(only_common), "phrases": usual},
            "review": suspects,
        }  # fmt: skip


def _some(column: Sequence[str], rows: np.ndarray) -> list[str]:
    return [column[int(i)] for i in rows]


def _foreign(matches: Matches, index: Index, own: np.ndarray) -> Matches:
    """Matches without those of held-out documents with nothing but held-out text, which is their own.

    Args:
        own: (items,) bool, those of held-out and sealed text.
    """
    if not len(matches.ngrams):
        return matches
    private = np.minimum.reduceat(own[index.items].astype(np.uint8), index.bounds[:-1]).astype(bool)
    return matches.only(~(matches.own[matches.documents].astype(bool) & private[matches.ngrams]))
