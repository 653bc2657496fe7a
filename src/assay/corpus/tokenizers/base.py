"""What every tokenizer is for training and evaluation."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

#: The name of the token between documents where assay makes it.
END_OF_TEXT = "<|end_of_text|>"
TokenArray = np.ndarray[Any, np.dtype[np.unsignedinteger[Any]]]


class Tokenizer(Protocol):
    """Text to tokens and back. No text, whatever it spells, encodes to `end_of_text`.

    Attributes:
        vocab: one more than the highest token.
        end_of_text: the token after each document.
        serialised: the text of its `tokenizer.json`; None for bytes, which need none.
    """

    vocab: int
    end_of_text: int

    @property
    def serialised(self) -> str | None: ...

    def encode(self, text: str) -> TokenArray: ...

    def encode_many(self, texts: Sequence[str]) -> list[TokenArray]: ...

    def encode_stream(self, documents: Iterable[bytes]) -> Iterator[TokenArray]:
        """Tokens of documents in UTF-8, end of text after each, in pieces that end anywhere."""
        ...

    def decode(self, tokens: Sequence[int] | np.ndarray) -> str:
        """Text of tokens; end of text is left out and bytes that are no character become U+FFFD."""
        ...


def token_type(vocab: int) -> np.dtype[Any]:
    """How the tokens of a vocabulary are stored: little-endian, in two bytes where they fit."""
    return np.dtype("<u2" if vocab <= 1 << 16 else "<u4")


def by_text(tokenizer: Tokenizer, texts: Sequence[str]) -> list[TokenArray]:
    """Tokens of each text, without end of text, by way of `encode_stream`."""
    pieces = list(tokenizer.encode_stream(text.encode() for text in texts))
    tokens = np.concatenate(pieces) if pieces else np.empty(0, token_type(tokenizer.vocab))
    ends = np.flatnonzero(tokens == tokenizer.end_of_text)
    return [part[:-1] for part in np.split(tokens, ends + 1)[:-1]]


@dataclass(frozen=True)
class Wanted:
    """A tokenizer that a person named, before there is a text to train it on.

    Attributes:
        name: as manifests say it.
        vocab: the size of its vocabulary, or the most that it may have.
        trained: whether making it trains it, which takes a while.
        make: the tokenizer, given what yields the documents to train on, in UTF-8.
    """

    name: str
    vocab: int
    trained: bool
    make: Callable[[Callable[[], Iterable[bytes]]], Tokenizer]
