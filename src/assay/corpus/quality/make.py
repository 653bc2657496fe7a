"""Making a classifier: from labels, or from text that somebody trusts against other text; with what is known of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import Field
from scipy.stats import rankdata

from assay.corpus.quality.agreement import Agreement, agreement
from assay.corpus.quality.calibration import Calibration, calibrate
from assay.corpus.quality.classifier import Classifier
from assay.corpus.quality.features import Features
from assay.corpus.quality.hashed_words import HASHED_WORDS
from assay.corpus.quality.labels import Label
from assay.corpus.quality.sample import Drawn
from assay.corpus.quality.training import Labelled, Trained, train
from assay.corpus.texts import Texts
from assay.spec.base import Frozen
from assay.spec.errors import UserError

#: FineWeb-Edu keeps what has this grade or better, so its chance is the one whose calibration is told.
GOOD_GRADE = 3


class Training(Frozen):
    """What is known of a classifier from its training, all of it on labels that the model in question had not seen.

    Attributes:
        in_order: share of the pairs with different grades of which the better has the higher score (0.5: chance).
        agreement: of the rounded score with the grade, to compare with that of two labellers.
    """

    kind: str = Field(description="labels, or good against rest")
    features: str = Field(description="what the classifier sees of a text")
    labels: int
    grades: dict[str, int]
    authors: dict[str, int]
    domains: dict[str, int]
    penalty: float
    threshold: int = Field(description="calibration is that of the chance of this grade or better")
    in_order: float
    agreement: Agreement
    calibration: Calibration


def from_labels(labels: Sequence[Label], features: Features = HASHED_WORDS) -> tuple[Classifier, Training]:
    """A classifier of grades. Where several authors graded one excerpt, their rounded mean counts."""
    by_key: dict[str, list[Label]] = {}
    for label in labels:
        by_key.setdefault(label.key, []).append(label)
    first = [each[0] for each in by_key.values()]
    grades = [int(np.floor(np.mean([label.grade for label in each]) + 0.5)) for each in by_key.values()]
    labelled = Labelled(
        Texts.of([label.text for label in first]),
        np.array(grades, np.int64),
        [label.group for label in first],
        [label.domain for label in first],
    )
    return _made("labels", labelled, [label.author for label in labels], features)


def from_good(
    good: Sequence[Drawn], rest: Sequence[Drawn], features: Features = HASHED_WORDS
) -> tuple[Classifier, Training]:
    """A classifier of text that is trusted (1) against other text (0), as those of GPT-3 (Brown et al. 2020, appendix
    A) and DCLM (Li et al. 2024). Its chances are those of a text drawn from the two in equal parts.

    Texts that are in both are good ones: the rest goes without them.

    Raises:
        UserError: one of them is empty, or all of the rest is good text too.
    """
    if not good or not rest:
        raise UserError("a classifier needs both text to trust (--good) and text to compare it with (--rest)")
    trusted = {document.text for document in good}
    rest = [document for document in rest if document.text not in trusted]
    if not rest:
        raise UserError(
            "every document of --rest is in --good too, so that nothing is left to tell apart; give other text there"
        )
    both = [*good, *rest]
    labelled = Labelled(
        Texts.of([document.text for document in both]),
        np.array([1] * len(good) + [0] * len(rest), np.int64),
        [document.id.partition("#")[0] for document in both],
        [document.domain for document in both],
    )
    return _made("good against rest", labelled, [], features)


def _made(kind: str, labelled: Labelled, authors: Sequence[str], features: Features) -> tuple[Classifier, Training]:
    trained = train(labelled, features)
    threshold = _threshold(trained)
    column = int(np.searchsorted(trained.levels[1:], threshold))
    scores = trained.scores()
    rounded = np.floor(scores + 0.5).astype(int)
    told = Training(
        kind=kind,
        features=features.description,
        labels=len(labelled.texts),
        grades=_counted(labelled.grades.tolist()),
        authors=_counted(authors),
        domains=_counted(labelled.domains),
        penalty=trained.penalty,
        threshold=threshold,
        in_order=in_order(scores, labelled.grades),
        agreement=agreement(rounded.tolist(), labelled.grades.tolist()),
        calibration=calibrate(trained.chances[:, column], labelled.grades >= threshold, labelled.groups),
    )
    facts: dict[str, Any] = {"training": told.model_dump(mode="json")}
    weights, thresholds = trained.fit.weights.astype(np.float32), trained.fit.thresholds.astype(np.float32)
    return Classifier(weights, thresholds, trained.levels, facts, features), told


def in_order(scores: np.ndarray, grades: np.ndarray) -> float:
    """Share of the pairs with different grades whose scores are in the same order; equal scores count half.

    For two grades it is the area under the ROC curve (Hanley and McNeil 1982).
    """
    right, pairs = 0.0, 0
    levels = np.unique(grades)
    for place, low in enumerate(levels):
        for high in levels[place + 1 :]:
            below, above = scores[grades == low], scores[grades == high]
            ranks = rankdata(np.concatenate((below, above)))[len(below) :]
            right += float(ranks.sum()) - len(above) * (len(above) + 1) / 2
            pairs += len(below) * len(above)
    return right / pairs


def _threshold(trained: Trained) -> int:
    """Grade 3, or the level nearest to it that something can reach or miss."""
    above = [int(level) for level in trained.levels[1:]]
    return min(above, key=lambda level: (abs(level - GOOD_GRADE), -level))


def _counted(values: Sequence[Any]) -> dict[str, int]:
    names, counts = np.unique(np.array([str(value) for value in values], dtype=np.str_), return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))
