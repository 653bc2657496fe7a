"""Mean embeddings of a text's tokens by a model2vec model (the extra `model2vec`).

model2vec (Tulkens and van Dongen 2024) distils a sentence transformer into one vector a token, so that a text costs
little more than its tokenisation. Models such as potion-base-8M are folders of safetensors and JSON: nothing in them
can run.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from assay.corpus.quality.features import Grams
from assay.corpus.texts import Texts
from assay.spec.errors import UserError

#: Of a longer text, only so many characters from its beginning are looked at: the mean of so many tokens has settled.
MOST_CHARACTERS = 1 << 16


class Embeddings:
    """Unit vectors of texts by the model in a folder.

    Attributes:
        hash: of vectors and tokenizer, however the folder is laid out.

    Raises:
        UserError: the extra is not installed, or the folder holds no model.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            from model2vec import StaticModel  # pyright: ignore[reportMissingImports]
        except ImportError:
            raise UserError("model2vec is not installed: pip install 'assay[model2vec]'") from None
        if not folder.is_dir():  # of any other name the package would ask a hub
            raise UserError(
                f"{folder}: no such folder; expected a model2vec model, as `hf download minishlab/potion-base-8M "
                f"--local-dir {folder}` fetches one"
            )
        try:
            self._model: Any = StaticModel.from_pretrained(folder)
        except Exception as error:  # the packages below have no common class of errors
            reason = " ".join(str(error).split())
            raise UserError(f"{folder}: no model2vec model ({reason})") from None
        self.hash = _hash(self._model)

    def __reduce__(self) -> tuple[Any, ...]:
        return Embeddings, (self._folder,)

    @property
    def description(self) -> str:
        return f"model2vec embeddings, {self.width} numbers a text"

    @property
    def width(self) -> int:
        return self._model.dim

    def matrix(self, texts: Texts) -> csr_matrix:
        """(N, F) float32; each row has length one, or is zero for a text without a known token."""
        # One text at a time: few texts of one length would otherwise be embedded together, token by token.
        found = [
            self._model.encode([text], max_length=None, normalize=True, batch_size=1, use_multiprocessing=False)[0]
            for text in map(_beginning, texts)
        ]
        return csr_matrix(np.array(found, np.float32).reshape(len(texts), self.width))

    def grams(self, texts: Texts, weights: np.ndarray) -> Grams:
        """Shares of tokens in texts. A token's effect is that of its share, on a text of the usual length of mean."""
        tokenizer = self._model.tokenizer
        tokenizer.no_truncation()
        ids = self._model.tokenize([_beginning(text) for text in texts])
        known = len(self._model.tokens)
        rows = np.repeat(np.arange(len(ids)), [len(each) for each in ids])
        columns = np.concatenate([np.zeros(0, np.int64), *(np.asarray(each, np.int64) for each in ids)])
        shares = 1 / np.maximum(np.bincount(rows, minlength=len(ids)), 1)
        amounts = csr_matrix((shares[rows], (rows, columns)), (len(ids), known))  # sums what occurs twice
        vectors = self._vectors()
        lengths = np.linalg.norm(amounts @ vectors, axis=1)
        usual = float(np.median(lengths[lengths > 0])) if lengths.any() else 1.0
        return Grams(
            amounts,
            vectors @ weights / usual,
            lambda wanted: {int(token): tokenizer.decode([int(token)]).strip() for token in wanted},
        )

    def _vectors(self) -> np.ndarray:
        """Of each token, (K, F) float32."""
        model = self._model
        vectors = model.embedding if model.token_mapping is None else model.embedding[model.token_mapping]
        return vectors.astype(np.float32) * (1.0 if model.weights is None else model.weights[:, None])

    def save(self, folder: Path) -> None:
        """Write the model into a folder, so that it can be opened from there."""
        self._model.save_pretrained(folder)


def _hash(model: Any) -> str:
    found = hashlib.sha256(model.tokenizer.to_str().encode())
    for part in (model.embedding, model.weights, model.token_mapping):
        found.update(b"-" if part is None else f"{part.dtype} {part.shape}".encode() + part.tobytes())
    return found.hexdigest()[:16]


def _beginning(text: str) -> str:
    return text[:MOST_CHARACTERS]
