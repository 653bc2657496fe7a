"""What a classifier of quality sees of a text."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from scipy.sparse import csr_matrix

from assay.corpus.texts import Texts


class Grams(NamedTuple):
    """The words of some texts, and what they do to a classifier's rank.

    Attributes:
        amounts: (N, K) of each word in each text.
        effects: (K,) change of a text's rank with the amount.
        names: the words behind some of the K columns.
    """

    amounts: csr_matrix
    effects: np.ndarray
    names: Callable[[np.ndarray], dict[int, str]]


class Features(Protocol):
    """From texts to vectors, of which a classifier is a linear function.

    Attributes:
        description: in a few words.
        width: F.
        hash: of all that vectors depend on; empty for hashed words, which come with this version of assay.
    """

    @property
    def description(self) -> str: ...

    @property
    def width(self) -> int: ...

    @property
    def hash(self) -> str: ...

    def matrix(self, texts: Texts) -> csr_matrix:
        """(N, F); each row has length one, or is zero for a text without words, and none depends on other texts."""
        ...

    def grams(self, texts: Texts, weights: np.ndarray) -> Grams:
        """The words of some texts, and their effects under weights (F,)."""
        ...
