"""Recall and precision, measured on edited copies that are planted among a sample of the user's own text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from assay.corpus.deduplication.words import words_of
from assay.corpus.steps.step import Survey
from assay.corpus.texts import Texts

SAMPLE = 60
LEAST_BYTES, MOST_BYTES = 200, 2000
RATES = (0.0, 0.01, 0.03, 0.05)
SEED = 20_260_101

#: Removed documents of some texts: number, the one kept for it.
Remove = Callable[[Texts], dict[int, int]]


def sampled(texts: Texts, hashes: np.ndarray) -> Survey:
    """The texts of a batch with the least hashes, cut to `MOST_BYTES`; those of all batches hold those of the whole.

    Args:
        hashes: (N,) uint64, of the texts.
    """
    fit = np.flatnonzero(texts.sizes >= LEAST_BYTES)
    least = fit[np.unique(hashes[fit], return_index=True)[1][:SAMPLE]]
    pieces = [
        texts.data[a : min(b, a + MOST_BYTES)]
        for a, b in zip(texts.offsets[least], texts.offsets[least + 1], strict=True)
    ]
    return {
        "sample": np.concatenate([np.empty(0, np.uint8), *pieces]),
        "sample_sizes": np.array([len(piece) for piece in pieces], np.int64),
        "sample_hashes": hashes[least],
    }


class Sample:
    """The sampled texts of all batches."""

    def __init__(self) -> None:
        self._found: dict[int, bytes] = {}

    def add(self, survey: Survey) -> None:
        """Take in what a batch has."""
        ends = np.cumsum(survey["sample_sizes"])
        data = survey["sample"].tobytes()
        for key, size, end in zip(
            survey["sample_hashes"].tolist(), survey["sample_sizes"].tolist(), ends.tolist(), strict=True
        ):
            self._found.setdefault(key, data[end - size : end])
        if len(self._found) > 4 * SAMPLE:
            self._found = dict(sorted(self._found.items())[:SAMPLE])

    def texts(self) -> list[str]:
        """Those with the least hashes, in that order, each once."""
        return [text.decode(errors="ignore") for _, text in sorted(self._found.items())[:SAMPLE]]


def edited(text: str, rate: float, vocabulary: list[str], generator: np.random.Generator) -> str:
    """A copy in which a share of the words was changed: replaced, left out, or followed by another, equally often."""
    words = text.split(" ")
    hit = np.flatnonzero(generator.random(len(words)) < rate)
    kinds, others = generator.integers(3, size=len(hit)), generator.integers(len(vocabulary), size=len(hit))
    for place, kind, other in zip(hit.tolist(), kinds.tolist(), others.tolist(), strict=True):
        word = vocabulary[other]
        words[place] = word if kind == 0 else "" if kind == 1 else f"{words[place]} {word}"
    return " ".join(words)


@dataclass(frozen=True)
class _Planted:
    text: str
    rate: float
    source: int


def estimate(
    texts: Sequence[str], ngram: int, similarity: float, curve: Callable[[np.ndarray], np.ndarray], remove: Remove
) -> dict[str, Any]:
    """JSON data: recall at each rate of edits and precision, on these texts and copies of them.

    Args:
        curve: probability to become a candidate, against Jaccard similarity.
        remove: the removal of near duplicates.

    Jaccard similarities are computed here from sets of words, not of hashes, so that they check those that `remove`
    rests on. `expected` is what the S-curve says of the similarities that the copies happen to have.
    """
    if len(texts) < 2:
        return {}
    generator = np.random.default_rng(SEED)
    vocabulary = sorted({word for text in texts for word in text.split()})
    planted = [
        _Planted(edited(text, rate, vocabulary, generator), rate, source)
        for rate in RATES
        for source, text in enumerate(texts)
    ]
    together = Texts.of([*texts, *(copy.text for copy in planted)])
    gone = remove(together)
    sets = _word_runs(together, ngram)
    wrong = sum(_jaccard(sets[place], sets[kept]) < similarity for place, kept in gone.items())
    rates = {}
    for rate in RATES:
        mine = [(len(texts) + i, copy) for i, copy in enumerate(planted) if copy.rate == rate]
        values = np.array([_jaccard(sets[place], sets[copy.source]) for place, copy in mine])
        found = np.array([place in gone for place, _ in mine])
        alike = values >= similarity
        rates[f"{rate:.2f}"] = {
            "recall": round(float(found.mean()), 4),
            "mean_jaccard": round(float(values.mean()), 4),
            "alike": round(float(alike.mean()), 4),
            "recall_of_alike": round(float(found[alike].mean()), 4) if alike.any() else None,
            "expected": round(float((curve(values) * alike).mean()), 4),
        }
    return {
        "documents": len(texts),
        "edits": rates,
        "precision": round(1 - wrong / len(gone), 4) if gone else None,
    }


def _word_runs(texts: Texts, ngram: int) -> list[set[tuple[bytes, ...]]]:
    """The runs of words of each text, spelled out."""
    data, found = texts.data.tobytes().lower(), words_of(texts)
    words = [data[begin:end] for begin, end in zip(found.starts.tolist(), found.ends.tolist(), strict=True)]
    runs = []
    for first, last in pairwise(found.offsets.tolist()):
        mine = words[first:last]
        size = min(ngram, max(len(mine), 1))
        runs.append(set(zip(*(mine[place:] for place in range(size)), strict=False)))
    return runs


def _jaccard(one: set[tuple[bytes, ...]], other: set[tuple[bytes, ...]]) -> float:
    shared = len(one & other)
    return shared / max(len(one) + len(other) - shared, 1)
