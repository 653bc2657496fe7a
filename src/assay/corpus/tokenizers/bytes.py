"""`bytes`: one token a byte of UTF-8. Needs no training and loses nothing."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from assay.corpus.tokenizers.base import TokenArray, Wanted, by_text
from assay.spec.errors import UserError


class Bytes:
    """Token b is byte b; 256 is end of text."""

    vocab = 257
    end_of_text = 256
    serialised: str | None = None

    def encode(self, text: str) -> TokenArray:
        return np.frombuffer(text.encode(), dtype=np.uint8).astype(np.uint16)

    def encode_many(self, texts: Sequence[str]) -> list[TokenArray]:
        return by_text(self, texts)

    def encode_stream(self, documents: Iterable[bytes]) -> Iterator[TokenArray]:
        from assay.corpus.tokenizers.words import SEPARATOR, chunks

        for chunk in chunks(documents):
            tokens = np.frombuffer(chunk, np.uint8).astype(np.uint16)
            tokens[tokens == SEPARATOR[0]] = self.end_of_text
            yield tokens

    def decode(self, tokens: Sequence[int] | np.ndarray) -> str:
        ids = np.asarray(tokens)
        return ids[ids < 256].astype(np.uint8).tobytes().decode(errors="replace")


def wanted(argument: str) -> Wanted:
    """What `bytes` names."""
    if argument:
        raise UserError(f"tokenizer 'bytes:{argument}': bytes take no number; write 'bytes'")
    return Wanted("bytes", Bytes.vocab, False, lambda _documents: Bytes())
