"""A classifier of quality on disk and at work: weights in safetensors, all else in JSON; nothing that can run.

One that sees embeddings has their model in its folder, so that it can be moved and stays what it is.
"""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from assay.corpus.quality.embeddings import Embeddings
from assay.corpus.quality.fasttext import SUFFIXES, FastText
from assay.corpus.quality.features import Features
from assay.corpus.quality.hashed_words import HASHED_WORDS
from assay.corpus.quality.ordinal import Fit
from assay.corpus.quality.training import expected
from assay.corpus.texts import Texts
from assay.corpus.workfolder import sync_tree, work_folder
from assay.spec.base import canonical_json, sha256_text
from assay.spec.errors import UserError

WEIGHTS, FACTS = "weights.safetensors", "classifier.json"
#: Folder for the model whose embeddings a classifier sees, if it does.
EMBEDDINGS = "embeddings"
#: Of how words become features; a classifier made otherwise cannot be read.
FORMAT = 1


@dataclass(frozen=True)
class Classifier:
    """From texts to scores.

    Attributes:
        weights: (F,) float32.
        thresholds: (L−1,) float32.
        levels: (L,) grades, ascending.
        facts: JSON data about its training: what was labelled by whom, calibration, n-grams.
        features: what it sees of a text.
    """

    weights: np.ndarray
    thresholds: np.ndarray
    levels: np.ndarray
    facts: dict[str, Any]
    features: Features = HASHED_WORDS

    @property
    def hash(self) -> str:
        """Of all that scores depend on."""
        said = {"levels": self.levels.tolist(), "format": FORMAT}
        if self.features.hash:
            said[EMBEDDINGS] = self.features.hash
        return sha256_text(canonical_json(said) + self.weights.tobytes().hex() + self.thresholds.tobytes().hex())[:16]

    def chances(self, texts: Texts) -> np.ndarray:
        """P(grade ≥ level) for each level but the lowest, (N, L−1)."""
        ranks = self.features.matrix(texts) @ self.weights
        return Fit(self.weights, self.thresholds).chances(ranks)

    def scores(self, texts: Texts) -> np.ndarray:
        """Expected grade of each text, (N,) float64. A text's score does not depend on the others."""
        return expected(self.chances(texts), self.levels)


class Scorer(Protocol):
    """What gives texts scores.

    Attributes:
        hash: of all that scores depend on.
    """

    @property
    def hash(self) -> str: ...

    def scores(self, texts: Texts) -> np.ndarray:
        """A score of each text, (N,) float64; higher is better, and none depends on the other texts."""
        ...


def open_scorer(path: Path, label: str = "") -> Scorer:
    """A classifier's folder, or a fastText model (.bin, .ftz) of which the probability of a label is the score.

    Raises:
        UserError: it is neither.
    """
    if path.suffix in SUFFIXES:
        return FastText(path, label)
    if label:
        raise UserError(f"{path} is no fastText model, so it has no label '{label}'; leave the label out")
    return read_classifier(path)


def check_place(folder: Path, overwrite: bool) -> None:
    """Raise `UserError` if a classifier may not be written there; others in folders of their own may be beside it."""
    if folder.is_file():
        raise UserError(f"{folder} is a file; name a folder for the classifier")
    if (folder / FACTS).is_file() and not overwrite:
        raise UserError(f"{folder} holds a classifier; name another folder, or replace it with --overwrite")
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name not in (FACTS, WEIGHTS, EMBEDDINGS) and not (path / FACTS).is_file():
            raise UserError(f"{folder} holds something else ({path.name}); name a new folder for the classifier")


def write_classifier(classifier: Classifier, folder: Path) -> None:
    """Write a classifier's folder. The facts, which name the weights by hash, come last and make it complete."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = {**classifier.facts, "format": FORMAT, "hash": classifier.hash, "levels": classifier.levels.tolist()}
    (folder / FACTS).unlink(missing_ok=True)
    shutil.rmtree(folder / EMBEDDINGS, ignore_errors=True)
    if isinstance(classifier.features, Embeddings):
        facts[EMBEDDINGS] = classifier.features.hash
        with work_folder(folder) as work:
            classifier.features.save(work / EMBEDDINGS)
            sync_tree(work)
            (work / EMBEDDINGS).rename(folder / EMBEDDINGS)
    tensors = {"weights": classifier.weights, "thresholds": classifier.thresholds}
    _write(folder / WEIGHTS, save(tensors))
    _write(folder / FACTS, (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode())


def read_classifier(folder: Path) -> Classifier:
    """Read what `write_classifier` wrote.

    Raises:
        UserError: no classifier there, an incomplete one, or one of another format.
    """
    path = folder / FACTS
    if not path.is_file():
        raise UserError(
            f"{folder} is no classifier: it has no {FACTS}; `assay quality train --into {folder}` makes one"
        )
    try:
        facts = json.loads(path.read_bytes())
        tensors = load_file(folder / WEIGHTS)
        weights, thresholds, levels = tensors["weights"], tensors["thresholds"], np.array(facts["levels"])
        said = facts.pop("hash"), facts.pop("format"), facts.pop("levels")
        embedded = facts.pop(EMBEDDINGS, "")
    except (ValueError, KeyError, TypeError, OSError, SafetensorError) as error:
        raise UserError(f"{folder}: a damaged classifier ({error}); train it again") from None
    seen = Embeddings(folder / EMBEDDINGS) if embedded else HASHED_WORDS
    if said[1] != FORMAT or weights.shape != (seen.width,):
        raise UserError(f"{folder}: a classifier of another version (format {said[1]}, here {FORMAT}); train it again")
    classifier = Classifier(weights, thresholds, levels, facts, seen)
    if classifier.hash != said[0]:
        parts = f"{WEIGHTS}, {EMBEDDINGS} and {FACTS}" if embedded else f"{WEIGHTS} and {FACTS}"
        raise UserError(f"{folder}: {parts} do not belong together; train the classifier again")
    return classifier


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".tmp-{path.name}")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def best_share(scores: np.ndarray, sizes: np.ndarray, share: float) -> np.ndarray:
    """Which texts to keep, (N,) bool: the best, until they have a share of all bytes.

    Of equal scores the earlier text is better. At least one text is kept.
    """
    order = np.lexsort((np.arange(len(scores)), -scores))
    before = np.concatenate(([0], np.cumsum(sizes[order])))[:-1]
    kept = np.zeros(len(scores), bool)
    kept[order[before < share * sizes.sum()]] = True
    return kept
