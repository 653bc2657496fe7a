"""Text to tokens and back: bytes by default, or a byte-level BPE that is trained on the corpus."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from assay.spec.errors import UserError

END_OF_TEXT = "<|end_of_text|>"
_MOST_TOKENS = 1 << 16  # shards are uint16
TokenArray = np.ndarray[Any, np.dtype[np.uint16]]


class Tokenizer(Protocol):
    """What training and evaluation need. No text, whatever it spells, encodes to `end_of_text`."""

    vocab: int
    end_of_text: int

    def encode(self, text: str) -> TokenArray: ...
    def encode_many(self, texts: Sequence[str]) -> list[TokenArray]: ...
    def decode(self, tokens: Sequence[int] | np.ndarray) -> str: ...


class Bytes:
    """One token a UTF-8 byte; 256 is end of text. Needs no training and loses nothing."""

    vocab = 257
    end_of_text = 256

    def encode(self, text: str) -> TokenArray:
        return np.frombuffer(text.encode(), dtype=np.uint8).astype(np.uint16)

    def encode_many(self, texts: Sequence[str]) -> list[TokenArray]:
        return [self.encode(text) for text in texts]

    def decode(self, tokens: Sequence[int] | np.ndarray) -> str:
        """Text of tokens; end of text is left out and bytes that are no character become U+FFFD."""
        ids = np.asarray(tokens)
        return ids[ids < 256].astype(np.uint8).tobytes().decode(errors="replace")


class Bpe:
    """A byte-level BPE in the Hugging Face `tokenizers` format."""

    def __init__(self, serialised: str) -> None:
        from tokenizers import Tokenizer as HfTokenizer

        self._inner = HfTokenizer.from_str(serialised)
        # Otherwise a document that quotes the name of the special token would end there.
        self._inner.encode_special_tokens = True
        end_of_text = self._inner.token_to_id(END_OF_TEXT)
        if end_of_text is None:
            raise ValueError(f"it has no token {END_OF_TEXT}")
        self.vocab: int = self._inner.get_vocab_size()
        self.end_of_text: int = end_of_text

    def encode(self, text: str) -> TokenArray:
        return np.array(self._inner.encode(text).ids, dtype=np.uint16)

    def encode_many(self, texts: Sequence[str]) -> list[TokenArray]:
        return [np.array(encoded.ids, dtype=np.uint16) for encoded in self._inner.encode_batch_fast(list(texts))]

    def decode(self, tokens: Sequence[int] | np.ndarray) -> str:
        """Text of tokens; end of text is left out and bytes that are no character become U+FFFD."""
        return self._inner.decode([int(token) for token in tokens], skip_special_tokens=True)


def bpe_size(tokenizer: str) -> int | None:
    """None for `bytes`, N for `bpe:N`. Raises `UserError` for anything else."""
    if tokenizer == "bytes":
        return None
    kind, _, number = tokenizer.partition(":")
    size = int(number) if number.isascii() and number.isdigit() else 0
    if kind != "bpe" or not 257 <= size <= _MOST_TOKENS:
        raise UserError(
            f"tokenizer '{tokenizer}' is not known: write 'bytes', or 'bpe:N' with a vocabulary N "
            f"from 257 to {_MOST_TOKENS}, for example bpe:4096"
        )
    return size


def train_bpe(texts: Sequence[str], size: int) -> str:
    """Train a byte-level BPE of at most `size` tokens, end of text included; the text of its `tokenizer.json`.

    The same texts give the same tokenizer (Sennrich et al. 2016, on bytes as in GPT-2).
    """
    from tokenizers import Tokenizer as HfTokenizer
    from tokenizers import decoders, models, pre_tokenizers, trainers

    tokenizer = HfTokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer.to_str(pretty=True)


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a corpus folder. Raises `UserError` when the folder or the tokenizer is damaged."""
    from assay.corpus.manifest import open_corpus

    if bpe_size(open_corpus(folder).tokenizer) is None:
        return Bytes()
    path = folder / "tokenizer.json"
    try:
        return Bpe(path.read_text(encoding="utf-8"))
    except Exception as error:  # tokenizers raises plain Exception
        raise UserError(f"{path}: not a readable tokenizer ({error}); delete {folder} and build it again") from None
