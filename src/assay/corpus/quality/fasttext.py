"""Published fastText models as classifiers of quality, such as DCLM's (the extra `fasttext`)."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from assay.corpus.texts import Texts
from assay.spec.errors import UserError

SUFFIXES = (".bin", ".ftz")


class FastText:
    """The probability of one of a model's labels.

    Args:
        label: with or without `__label__` in front.

    Raises:
        UserError: the extra is not installed, the file is no model, or the model has no such label.
    """

    def __init__(self, path: Path, label: str) -> None:
        self._path, self.label = path, label.removeprefix("__label__")
        try:
            import fasttext  # pyright: ignore[reportMissingImports]
        except ImportError:
            raise UserError("fastText is not installed: pip install 'assay[fasttext]'") from None
        if not path.is_file():
            raise UserError(f"{path}: no such file; expected a fastText model")
        try:
            self._model: Any = fasttext.load_model(str(path))
        except (ValueError, RuntimeError) as error:
            raise UserError(f"{path}: no fastText model ({error})") from None
        known = [each.removeprefix("__label__") for each, _ in self._predict("a")]
        if self.label not in known:
            listed = ", ".join(sorted(known)[:20])
            raise UserError(f"{path}: its label '{self.label}' is to be the score, but it has: {listed}")

    def __reduce__(self) -> tuple[Any, ...]:
        return FastText, (self._path, self.label)

    @property
    def hash(self) -> str:
        """Of the model and the label."""
        with self._path.open("rb") as file:
            return hashlib.sha256(hashlib.file_digest(file, "sha256").digest() + self.label.encode()).hexdigest()[:16]

    def scores(self, texts: Texts) -> np.ndarray:
        """Probability of the label for each text, (N,) float64."""
        wanted = f"__label__{self.label}"
        return np.array([dict(self._predict(text)).get(wanted, 0.0) for text in texts], np.float64)

    def _predict(self, text: str) -> list[tuple[str, float]]:
        """Every label with its probability. A text is one line to fastText, as it was in training."""
        labels, chances = self._model.predict(text.replace("\n", " "), k=-1)
        return list(zip(labels, map(float, chances), strict=True))
