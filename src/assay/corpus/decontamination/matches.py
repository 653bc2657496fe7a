"""What surveys found, in how many documents and sources, and whose text each document holds."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from assay.corpus.decontamination.ngrams import Index
from assay.corpus.steps.step import Survey

#: Counts of words are kept by the first bits of their hashes.
WORD_BITS = 16


@dataclass(frozen=True)
class Matches:
    """Occurrences of n-grams in documents.

    Attributes:
        numbers: (K,) int64, numbers of the documents with any, ascending.
        bytes: (K,) int64, their sizes.
        domains: (K,) their domains.
        sources: (K,) uint64, hashes of their sources.
        own: (K,) bool, whether they are held out or sealed themselves.
        documents: (M,) place of each occurrence's document in these.
        ngrams: (M,) its number in the index.
        starts: (M,) int64, its first byte in the document.
        ends: (M,) int64, the byte after its last one.
        words: (2**WORD_BITS,) how often the words of the whole input occur.
    """

    numbers: np.ndarray
    bytes: np.ndarray
    domains: np.ndarray
    sources: np.ndarray
    own: np.ndarray
    documents: np.ndarray
    ngrams: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    words: np.ndarray

    @classmethod
    def of(cls, surveys: Iterable[Survey]) -> "Matches":
        """All that surveys found, in the order of the documents."""
        parts: dict[str, list[np.ndarray]] = {name: [] for name in (*_PER_DOCUMENT, *_PER_OCCURRENCE)}
        words, before = np.zeros(1 << WORD_BITS, np.int64), 0
        for survey in surveys:
            for name, arrays in parts.items():
                arrays.append(survey[name] + before if name == "documents" else survey[name])
            before += len(survey["numbers"])
            words += survey["words"]
        return cls(
            words=words, **{name: np.concatenate(arrays) if arrays else _EMPTY for name, arrays in parts.items()}
        )

    def only(self, chosen: np.ndarray) -> "Matches":
        """Some of the occurrences."""
        return Matches(
            **{name: getattr(self, name) for name in (*_PER_DOCUMENT, "words")},
            **{name: getattr(self, name)[chosen] for name in _PER_OCCURRENCE},
        )

    def spread(self, index: Index) -> tuple[np.ndarray, np.ndarray]:
        """In how many documents, and from how many sources, each n-gram of the index is found, (D,) each."""
        documents = _distinct_pairs(self.ngrams, self.documents)
        _, codes = np.unique(self.sources, return_inverse=True)
        sources = _distinct_pairs(self.ngrams, codes[self.documents] if len(codes) else self.documents)
        return (
            np.bincount(documents[0], minlength=len(index.hashes)),
            np.bincount(sources[0], minlength=len(index.hashes)),
        )


_PER_DOCUMENT = ("numbers", "bytes", "domains", "sources", "own")
_PER_OCCURRENCE = ("documents", "ngrams", "starts", "ends")
_EMPTY = np.zeros(0, np.int64)


def _distinct_pairs(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct pairs (a[i], b[i]), in ascending order. Both are small whole numbers."""
    width = int(b.max(initial=0)) + 1
    return np.divmod(np.unique(a.astype(np.int64) * width + b), width)


def owners(index: Index, ngrams: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of an n-gram, by its place among `ngrams`, and an item that has it."""
    counts = index.bounds[ngrams + 1] - index.bounds[ngrams]
    place = np.repeat(np.arange(len(ngrams)), counts)
    within = np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts, counts)
    return place, index.items[index.bounds[ngrams][place] + within]


@dataclass(frozen=True)
class Attributed:
    """Pairs of a document and an evaluation whose text it holds.

    Attributes:
        documents: (P,) places in `Matches.numbers`, ascending.
        evaluations: (P,) numbers of evaluations, ascending in a document.
    """

    documents: np.ndarray
    evaluations: np.ndarray


def attribute(matches: Matches, index: Index, evaluation_of: np.ndarray, own: np.ndarray) -> Attributed:
    """Which evaluations' text each document holds.

    Args:
        evaluation_of: (items,) the evaluation of each item.
        own: (evaluations,) bool, those of the lab's own held-out text, with which held-out documents are not compared.
    """
    ngrams, place = np.unique(matches.ngrams, return_inverse=True)
    at, items = owners(index, ngrams)
    pairs = _distinct_pairs(at, evaluation_of[items])
    bounds = np.searchsorted(pairs[0], np.arange(len(ngrams) + 1))
    seen = _distinct_pairs(matches.documents, place)
    counts = bounds[seen[1] + 1] - bounds[seen[1]]
    documents = np.repeat(seen[0], counts)
    within = np.arange(len(documents)) - np.repeat(np.cumsum(counts) - counts, counts)
    evaluations = pairs[1][np.repeat(bounds[seen[1]], counts) + within]
    kept = ~(matches.own[documents].astype(bool) & own[evaluations])
    return Attributed(*_distinct_pairs(documents[kept], evaluations[kept]))
