"""What a classifier prefers, measured on a sample of text, so that nobody filters blind."""

from collections.abc import Sequence

import numpy as np
from pydantic import Field
from scipy.stats import rankdata

from assay.corpus.quality.classifier import Classifier, Scorer, best_share
from assay.corpus.quality.labels import excerpt_of
from assay.corpus.quality.sample import Drawn
from assay.corpus.texts import Texts
from assay.spec.base import Frozen

NGRAMS = 30
QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
_SHOWN = 400  # characters of a sample
_LEAST_TEXTS = 5  # in which an n-gram must occur to be named


class Ngram(Frozen):
    """A word or pair. `pull`: how far it moves the rank of a text when its frequency moves by one deviation."""

    text: str
    pull: float
    texts: int = Field(description="of the sample, that have it")


class Shown(Frozen):
    """A document at a quantile of its domain's scores."""

    quantile: float
    score: float
    id: str
    text: str


class DomainScores(Frozen):
    """Scores in one domain.

    Attributes:
        quantiles: of the score, at `QUANTILES`.
        length_correlation: Spearman's, of score and bytes; None for fewer than three documents.
        kept: share of the domain's bytes that would be kept if the best half of all domains together were.
    """

    domain: str
    documents: int
    mean: float
    deviation: float
    quantiles: tuple[float, ...]
    length_correlation: float | None
    kept: float
    samples: tuple[Shown, ...]


class Preferences(Frozen):
    """What a classifier prefers. N-grams are known of assay's own classifiers only."""

    classifier: str = Field(description="hash")
    documents: int
    preferred: tuple[Ngram, ...]
    avoided: tuple[Ngram, ...]
    domains: tuple[DomainScores, ...]


def preferences(classifier: Scorer, documents: Sequence[Drawn]) -> Preferences:
    """Score a sample and say what the scores go with."""
    texts = Texts.of([document.text for document in documents])
    scores = classifier.scores(texts)
    half = best_share(scores, texts.sizes, 0.5)
    labels = np.array([document.domain for document in documents])
    preferred, avoided = strongest(classifier, texts) if isinstance(classifier, Classifier) else ((), ())
    return Preferences(
        classifier=classifier.hash,
        documents=len(documents),
        preferred=preferred,
        avoided=avoided,
        domains=tuple(
            _domain(domain, np.flatnonzero(labels == domain), documents, scores, texts.sizes, half)
            for domain in sorted(set(labels.tolist()))
        ),
    )


def strongest(classifier: Classifier, texts: Texts) -> tuple[tuple[Ngram, ...], tuple[Ngram, ...]]:
    """The n-grams that raise scores most in some texts, and those that lower them most."""
    amounts, effects, names = classifier.features.grams(texts, classifier.weights)
    counts = np.bincount(amounts.indices, minlength=len(effects))
    mean = np.asarray(amounts.mean(axis=0)).ravel()
    square = np.asarray(amounts.multiply(amounts).mean(axis=0)).ravel()
    pull = effects * np.sqrt(np.maximum(square - mean**2, 0))
    pull[counts < min(_LEAST_TEXTS, len(texts))] = 0
    order = np.argsort(-pull, kind="stable")
    best, worst = order[:NGRAMS], order[::-1][:NGRAMS]
    known = names(np.concatenate((best, worst)))

    def said(buckets: np.ndarray, sign: int) -> tuple[Ngram, ...]:
        return tuple(
            Ngram(text=known[bucket], pull=round(float(pull[bucket]), 4), texts=int(counts[bucket]))
            for bucket in buckets.tolist()
            if sign * pull[bucket] > 0
        )

    return said(best, 1), said(worst, -1)


def _domain(
    domain: str, places: np.ndarray, documents: Sequence[Drawn], scores: np.ndarray, sizes: np.ndarray, half: np.ndarray
) -> DomainScores:
    mine = scores[places]
    order = places[np.argsort(mine, kind="stable")]
    at = [order[round(quantile * (len(order) - 1))] for quantile in QUANTILES]
    correlation = None
    if len(mine) > 2 and len(set(mine.tolist())) > 1 and len(set(sizes[places].tolist())) > 1:
        correlation = round(float(np.corrcoef(rankdata(mine), rankdata(sizes[places]))[0, 1]), 4)
    return DomainScores(
        domain=domain,
        documents=len(places),
        mean=round(float(mine.mean()), 4),
        deviation=round(float(mine.std()), 4),
        quantiles=tuple(round(float(scores[place]), 4) for place in at),
        length_correlation=correlation,
        kept=round(float(sizes[places][half[places]].sum() / sizes[places].sum()), 4),
        samples=tuple(
            Shown(
                quantile=quantile,
                score=round(float(scores[place]), 4),
                id=documents[place].id,
                text=excerpt_of(documents[place].text)[:_SHOWN],
            )
            for quantile, place in zip(QUANTILES, at, strict=True)
        ),
    )
