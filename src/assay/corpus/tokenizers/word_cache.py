"""Encoding word by word: each different word is encoded once, and its tokens copied wherever it occurs."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from assay.corpus.tokenizers.base import TokenArray
from assay.corpus.tokenizers.words import SEPARATOR, stream_words

#: Beyond so many tokens in it the cache begins anew. Texts have few words that occur often.
MOST_TOKENS = 8 << 20

#: Tokens of words, one word's after the other's, and how many each has.
EncodeWords = Callable[[Sequence[bytes]], tuple[np.ndarray, np.ndarray]]


class WordCache:
    """Encodes streams of documents. It holds only what `encode_words` said, so tokens are equal to the latter's.

    Args:
        encode_words: tokens of each of some words, whatever surrounds them.
        end_of_text: the token after a document.
        kind: of the tokens.
    """

    def __init__(self, encode_words: EncodeWords, end_of_text: int, kind: np.dtype) -> None:
        self._encode_words, self._end_of_text, self._kind = encode_words, end_of_text, kind
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._number: dict[bytes, int] = {SEPARATOR: 0}
        self._tokens = np.array([self._end_of_text], self._kind)
        self._starts = np.zeros(1, np.int64)
        self._sizes = np.ones(1, np.int64)

    def encode_stream(self, documents: Iterable[bytes]) -> Iterator[TokenArray]:
        """Tokens of documents in UTF-8, end of text after each, in pieces that end anywhere."""
        for words in stream_words(documents):
            yield self._encode(words)

    def _encode(self, words: pa.Array) -> TokenArray:
        coded = words.dictionary_encode()
        word_W = self._numbers(coded.dictionary.to_pylist())[coded.indices.to_numpy()]
        size_W = self._sizes[word_W]
        end_W = np.cumsum(size_W)
        place_T = np.arange(end_W[-1]) + np.repeat(self._starts[word_W] - (end_W - size_W), size_W)
        return self._tokens[place_T]

    def _numbers(self, words: list[bytes]) -> np.ndarray:
        """The number of each word; new ones are encoded and get the next numbers."""
        if len(self._tokens) > MOST_TOKENS:
            self._begin_anew()
        known = self._number
        new = [word for word in words if word not in known]
        if new:
            tokens, sizes = self._encode_words(new)
            known.update(zip(new, range(len(known), len(known) + len(new)), strict=True))
            ends = len(self._tokens) + np.cumsum(sizes)
            self._tokens = np.concatenate([self._tokens, tokens.astype(self._kind)])
            self._starts = np.concatenate([self._starts, ends - sizes])
            self._sizes = np.concatenate([self._sizes, sizes])
        return np.fromiter(map(known.__getitem__, words), np.int64, len(words))
