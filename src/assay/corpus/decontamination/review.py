"""What a person should look at: matched phrases with how often they occur and how rare their words are."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from assay.corpus.decontamination.evaluations import Evaluation
from assay.corpus.decontamination.matches import WORD_BITS, Matches, owners
from assay.corpus.decontamination.ngrams import Index
from assay.corpus.decontamination.words import Words, words_of
from assay.corpus.texts import Texts

_MOST = 200


def phrases(
    matches: Matches, index: Index, common: np.ndarray, pieces: Sequence[str], evaluations: Sequence[Evaluation]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Phrases that count as contamination, those likeliest to be chance first; and common ones, the most common first.

    A phrase is a run of matched n-grams in an evaluation's text. Its words' rarity is its information in bits, by the
    frequencies of single words in the input: a low one, or a small share of its item, speaks for chance. At most 200 of
    each; nothing of sealed texts.

    Args:
        common: (D,) bool, the n-grams that are common phrases.
        pieces: the texts of the index.
    """
    documents, sources = matches.spread(index)
    found = np.unique(matches.ngrams)
    found = found[index.pieces[found] >= 0]
    if not len(found):
        return [], []
    used, where = np.unique(index.pieces[found], return_inverse=True)
    texts = Texts.of([pieces[i] for i in used.tolist()])
    words = words_of(texts.data, texts.offsets)
    first = words.bounds[where] + index.words[found]
    order = np.argsort(first, kind="stable")
    found, where, first = found[order], where[order], first[order]
    new = np.ones(len(found), bool)
    new[1:] = (np.diff(first) != 1) | (np.diff(where) != 0) | (np.diff(common[found].astype(int)) != 0)
    runs = np.flatnonzero(new)
    last = np.append(runs[1:], len(found)) - 1
    end = first[last] + index.sizes[found[last]]
    information = np.concatenate([[0.0], np.cumsum(_bits(words, matches.words))])
    bits = information[end] - information[first[runs]]
    most = np.maximum.reduceat(documents[found], runs)
    shares = _shares(index, found)
    labels = Labels(evaluations)
    entries: list[dict[str, Any]] = []
    chosen = np.lexsort((-most, bits))
    kept = [chosen[~common[found[runs[chosen]]]][:_MOST], _by(-most, common[found[runs]])[:_MOST]]
    for run in np.concatenate(kept).tolist():
        ngram = int(found[runs[run]])
        evaluation, label = labels[int(index.items[index.bounds[ngram]])]
        begin, finish = words.start(first[runs[run : run + 1]]), words.end(end[run : run + 1] - 1)
        entry = {
            "evaluation": evaluation, "item": label,
            "text": texts.data[int(begin[0]) : int(finish[0])].tobytes().decode(),
            "words": int(end[run] - first[runs[run]]), "documents": int(most[run]),
            "sources": int(sources[found[runs[run] : last[run] + 1]].max()),
            "bits": round(float(bits[run]), 1), "share": round(shares[int(index.items[index.bounds[ngram]])], 3),
        }  # fmt: skip
        entries.append(entry)
    return _widest(entries[: len(kept[0])]), _widest(entries[len(kept[0]) :])


def _widest(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without phrases that are part of another one of the same item."""

    def within(entry: dict[str, Any]) -> bool:
        same = (e["text"] for e in entries if (e["evaluation"], e["item"]) == (entry["evaluation"], entry["item"]))
        return any(entry["text"] in text and entry["text"] != text for text in same)

    return [entry for entry in entries if not within(entry)]


def _by(key: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    places = np.flatnonzero(chosen)
    return places[np.argsort(key[places], kind="stable")]


def _bits(words: Words, counts: np.ndarray) -> np.ndarray:
    """Information of each word by its frequency in the input, in bits, (W,)."""
    seen = counts[words.hashes >> np.uint64(64 - WORD_BITS)]
    return -np.log2((seen + 1) / (counts.sum() + np.count_nonzero(counts) + 1))


def _shares(index: Index, found: np.ndarray) -> np.ndarray:
    """How much of each item's n-grams was found, (items,)."""
    _, items = owners(index, found)
    every = np.bincount(index.items)
    return np.bincount(items, minlength=len(every)) / np.maximum(every, 1)


class Labels:
    """Name of the evaluation and label of the item, by its number."""

    def __init__(self, evaluations: Sequence[Evaluation]) -> None:
        self._evaluations = evaluations
        self._firsts = np.cumsum([0, *(len(evaluation.labels) for evaluation in evaluations)])

    def __getitem__(self, item: int) -> tuple[str, str]:
        which = int(np.searchsorted(self._firsts, item, "right")) - 1
        evaluation = self._evaluations[which]
        return evaluation.name, evaluation.labels[item - int(self._firsts[which])]
