"""Training a classifier from labelled texts, and predicting every label with a classifier that has not seen it."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from assay.corpus.quality.features import Features
from assay.corpus.quality.hashed_words import HASHED_WORDS
from assay.corpus.quality.ordinal import Fit, fit, log_loss
from assay.corpus.texts import Texts
from assay.spec.errors import UserError

FOLDS = 5
_BASIS, _DIRECTIONS = 3000, 512
PENALTIES = (1.0, 0.3, 0.1, 0.03, 0.01)
#: Fewer teach nothing, and could not be told from chance.
FEWEST, FEWEST_OF_A_KIND = 20, 5


@dataclass(frozen=True)
class Labelled:
    """N texts with grades.

    Attributes:
        texts: what was graded.
        grades: (N,) int64.
        groups: what each is a part of; parts of one thing are never on both sides of a split.
        domains: of each.
    """

    texts: Texts
    grades: np.ndarray
    groups: Sequence[str]
    domains: Sequence[str]


@dataclass(frozen=True)
class Trained:
    """A fitted model and what was predicted without the label in question.

    Attributes:
        levels: (L,) the grades that occur, ascending.
        fit: of all labels; weights of all features.
        penalty: that was chosen.
        chances: (N, L−1) P(grade ≥ level) of every labelled text, by the model of the folds that it is not in.
    """

    levels: np.ndarray
    fit: Fit
    penalty: float
    chances: np.ndarray

    def scores(self) -> np.ndarray:
        """Expected grade of every labelled text, by a model that has not seen it."""
        return expected(self.chances, self.levels)


def expected(chances: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Expected grade from P(grade ≥ level), (N, L−1)."""
    return levels[0] + chances @ np.diff(levels).astype(np.float64)


def train(labelled: Labelled, features: Features = HASHED_WORDS) -> Trained:
    """Train on all labels, and predict each by cross-fitting.

    Raises:
        UserError: too few labels, or of one grade only.
    """
    levels, places = _levels(labelled.grades)
    back, given = directions(features.matrix(labelled.texts))
    fold_N = folds(labelled.groups)
    chances = np.zeros((len(places), len(levels) - 1))
    for fold in range(FOLDS):
        inside, outside = np.flatnonzero(fold_N != fold), np.flatnonzero(fold_N == fold)
        if not len(outside):
            continue
        known = _known(places[inside], len(levels))
        fitted, _ = _best(given[inside], known.places, len(known.levels), fold_N[inside])
        chances[outside] = known.spread(fitted.chances(given[outside] @ fitted.weights))
    fitted, penalty = _best(given, places, len(levels), fold_N)
    return Trained(levels, Fit(back(fitted.weights), fitted.thresholds), penalty, chances)


def directions(given: csr_matrix) -> tuple[Callable[[np.ndarray], np.ndarray], np.ndarray]:
    """The directions in which texts differ most, and where the texts lie along them.

    They are the principal directions of at most `_BASIS` of the texts (the eigenvectors of their products). Weights of
    features are sought among their combinations only: of many thousand features few labels can tell no more.

    Returns:
        What turns weights of directions (R,) into weights of features (F,), and the texts (N, R).
    """
    basis = given[:: -(-given.get_shape()[0] // _BASIS)]
    found, vectors = np.linalg.eigh((basis @ basis.T).toarray().astype(np.float64))
    kept = np.flatnonzero(found > 1e-6 * found[-1])[-_DIRECTIONS:]
    turned = vectors[:, kept] / np.sqrt(found[kept])
    return lambda weights: basis.T @ (turned @ weights), (given @ basis.T).toarray() @ turned


def folds(groups: Sequence[str]) -> np.ndarray:
    """Fold of each group, by a hash, so that it does not depend on what else there is."""
    return np.array([hashlib.sha256(group.encode()).digest()[0] % FOLDS for group in groups])


def _levels(grades: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Grades that occur and each label's place among them; a grade given less than five times joins its neighbour."""
    if len(grades) < FEWEST:
        raise UserError(f"only {len(grades)} labels; label {FEWEST} texts at least, better some hundreds")
    levels, counts = np.unique(grades, return_counts=True)
    kept: list[int] = []
    seen = 0
    for level, count in zip(levels.tolist(), counts.tolist(), strict=True):
        seen += count
        if seen >= FEWEST_OF_A_KIND:
            kept.append(level)
            seen = 0
    if len(kept) < 2:
        raise UserError(
            f"the labels do not differ: {counts.max()} of {len(grades)} have grade {levels[counts.argmax()]}; at least "
            f"{FEWEST_OF_A_KIND} labels of another grade are needed"
        )
    merged = np.array(kept)  # too few of a grade join the next higher, too few of the highest the next lower
    return merged, np.minimum(np.searchsorted(merged, grades), len(merged) - 1)


@dataclass(frozen=True)
class _Known:
    """Levels that occur among some labels, when perhaps not all do, and each label's place among them."""

    levels: np.ndarray
    places: np.ndarray
    all_levels: int

    def spread(self, chances: np.ndarray) -> np.ndarray:
        """Chances of all levels from those of the levels that occur: to reach a missing one is to reach the next."""
        edge = np.ones((len(chances), 1))
        return np.concatenate((edge, chances, 0 * edge), axis=1)[
            :, np.searchsorted(self.levels, np.arange(1, self.all_levels))
        ]


def _known(places: np.ndarray, all_levels: int) -> _Known:
    levels, within = np.unique(places, return_inverse=True)
    return _Known(levels, within, all_levels)


def _best(given: np.ndarray, places: np.ndarray, levels: int, fold_N: np.ndarray) -> tuple[Fit, float]:
    """The fit with the penalty that predicts best what one fold of these says, when trained on the others."""
    present, counts = np.unique(fold_N, return_counts=True)
    held = fold_N == present[counts.argmax()]
    inside, outside = np.flatnonzero(~held), np.flatnonzero(held)
    penalty = PENALTIES[0]
    if len(present) > 1 and len(np.unique(places[inside])) == levels:
        losses = []
        start = None
        for each in PENALTIES:
            start = fit(given[inside], places[inside], levels, each, start)
            losses.append(log_loss(start, given[outside] @ start.weights, places[outside]))
        penalty = PENALTIES[int(np.argmin(losses))]
    return fit(given, places, levels, penalty), penalty
