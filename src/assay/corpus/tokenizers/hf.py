"""Any tokenizer in the Hugging Face `tokenizer.json` format; byte-level BPE as GPT-2's takes a quicker way."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

import numpy as np
from tokenizers import AddedToken, Encoding, pre_tokenizers
from tokenizers import Tokenizer as HfTokenizer

from assay.corpus.tokenizers.base import END_OF_TEXT, TokenArray, Wanted, by_text, token_type
from assay.corpus.tokenizers.bpe import byte_characters
from assay.corpus.tokenizers.word_cache import EncodeWords, WordCache
from assay.spec.base import sha256_text
from assay.spec.errors import UserError

#: What others call the token between documents, the commonest names first.
_NAMES = (END_OF_TEXT, "<|endoftext|>", "<|end_of_sentence|>", "<eos>", "</s>", "<|im_end|>", "[SEP]")
_BATCH_BYTES = 1 << 20
_CHANGES_TOKENS = ("dropout", "continuing_subword_prefix", "end_of_word_suffix")
#: What is tried before a tokenizer is taken, and what share may change: Unicode's normal forms change a few texts.
_CHECK_EVERY, _CHECK_BYTES, _MOST_LOST = 8, 2048, 0.02


class HuggingFace:
    """A tokenizer of the `tokenizers` library, without anything that it adds around a text.

    Raises:
        ValueError: the text is not that of a tokenizer.
    """

    def __init__(self, serialised: str) -> None:
        self._inner = _read(serialised)
        self.end_of_text, added = _end_of_text(self._inner)
        self.serialised = self._inner.to_str(pretty=True) if added else serialised
        self.vocab = max(self._inner.get_vocab(with_added_tokens=True).values()) + 1
        self._kind = token_type(self.vocab)
        self._by_words: WordCache | None = None

    def encode(self, text: str) -> TokenArray:
        return np.array(self._inner.encode(text, add_special_tokens=False).ids, self._kind)

    def encode_many(self, texts: Sequence[str]) -> list[TokenArray]:
        return by_text(self, texts)

    def encode_stream(self, documents: Iterable[bytes]) -> Iterator[TokenArray]:
        if not byte_level(self.serialised):
            return self._whole(documents)
        if self._by_words is None:
            self._by_words = WordCache(_word_encoder(self.serialised), self.end_of_text, self._kind)
        return self._by_words.encode_stream(documents)

    def _whole(self, documents: Iterable[bytes]) -> Iterator[TokenArray]:
        """Document by document, for tokenizers whose words may hang together."""
        waiting: list[str] = []
        size = 0
        for document in documents:
            waiting.append(document.decode())
            size += len(document)
            if size >= _BATCH_BYTES:
                yield self._joined(waiting)
                waiting, size = [], 0
        if waiting:
            yield self._joined(waiting)

    def _joined(self, texts: list[str]) -> TokenArray:
        ends = [self.end_of_text]
        return np.fromiter(chain.from_iterable(chain(ids, ends) for ids in _ids(self._inner, texts)), self._kind)

    def decode(self, tokens: Sequence[int] | np.ndarray) -> str:
        return self._inner.decode([int(token) for token in tokens], skip_special_tokens=True)


def byte_level(serialised: str) -> bool:
    """Whether text is cut into words as GPT-2 cuts it and each word encoded for itself, whatever surrounds it."""
    said = json.loads(serialised)
    cut = said["pre_tokenizer"] or {}
    return (
        said["model"]["type"] == "BPE"
        and not any(said["model"].get(key) for key in _CHANGES_TOKENS)
        and said["normalizer"] is None
        and (cut.get("type"), cut.get("add_prefix_space"), cut.get("use_regex", True)) == ("ByteLevel", False, True)
        and all(token["special"] for token in said["added_tokens"])
    )


def _word_encoder(serialised: str) -> EncodeWords:
    """Encodes words of a byte-level BPE, each for itself."""
    inner = _read(serialised)
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    vocab = inner.get_vocab(with_added_tokens=False)
    complete = vocab.keys() >= set(byte_characters())
    sizes = {number: len(token) for token, number in vocab.items()}
    bytes_of = np.array([sizes.get(number, 0) for number in range(max(sizes) + 1)])

    def encode(words: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
        texts = [word.decode() for word in words]
        if not complete:  # what there is no token for encodes to nothing, or to one for the unknown
            apart = _ids(inner, texts)
            return np.fromiter(chain.from_iterable(apart), np.int64), np.fromiter(map(len, apart), np.int64)
        # All at once takes half the time of one by one; which token belongs to which word, their bytes say.
        [whole] = inner.encode_batch_fast([texts], is_pretokenized=True, add_special_tokens=False)
        tokens = np.array(whole.ids, np.int64)
        ends = np.cumsum([len(word) for word in words])
        return tokens, np.diff(np.searchsorted(np.cumsum(bytes_of[tokens]), ends, side="right"), prepend=0)

    return encode


def _read(serialised: str) -> HfTokenizer:
    try:
        inner = HfTokenizer.from_str(serialised)
    except Exception as error:  # tokenizers raises plain Exception
        raise ValueError(str(error)) from None
    inner.no_truncation()
    inner.no_padding()
    # Otherwise a document that quotes the name of a special token would end there.
    inner.encode_special_tokens = True
    return inner


def _end_of_text(inner: HfTokenizer) -> tuple[int, bool]:
    """The token between documents, and whether it was added because no text may spell any that there is."""
    special = {token.content: number for number, token in inner.get_added_tokens_decoder().items() if token.special}
    for name in _NAMES:
        if name in special and special[name] not in inner.encode(name, add_special_tokens=False).ids:
            return special[name], False
    inner.add_special_tokens([AddedToken(END_OF_TEXT, normalized=False, special=True)])
    number = inner.token_to_id(END_OF_TEXT)
    assert number is not None
    return number, True


def _ids(inner: HfTokenizer, texts: Sequence[str]) -> list[list[int]]:
    encoded: list[Encoding] = inner.encode_batch_fast(list(texts), add_special_tokens=False)
    return [one.ids for one in encoded]


def wanted(argument: str) -> Wanted:
    """What `hf:PATH` names: a tokenizer.json, or a folder with one."""
    path = Path(argument).expanduser()
    path = path / "tokenizer.json" if path.is_dir() else path
    try:
        tokenizer = HuggingFace(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such tokenizer; name a tokenizer.json in the Hugging Face format") from None
    except (ValueError, OSError) as error:  # UnicodeDecodeError is a ValueError
        raise UserError(f"{path}: not a tokenizer in the Hugging Face format ({error})") from None
    name = f"hf:{sha256_text(tokenizer.serialised)[:12]}"
    return Wanted(name, tokenizer.vocab, False, lambda documents: _checked(tokenizer, documents(), path))


def _checked(tokenizer: HuggingFace, documents: Iterable[bytes], path: Path) -> HuggingFace:
    """The tokenizer, if text comes back from its tokens. Bits per byte of text that is lost would mean nothing."""
    lost, tried, example = 0, 0, ""
    for document in islice(documents, 0, None, _CHECK_EVERY):
        text = document[:_CHECK_BYTES].decode(errors="ignore")
        tried += 1
        if (back := tokenizer.decode(tokenizer.encode(text))) != text:
            lost += 1
            at = next((i for i, pair in enumerate(zip(text, back, strict=False)) if pair[0] != pair[1]), 0)
            example = example or f"'{text[at : at + 20]}' comes back as '{back[at : at + 20]}'"
    if lost > _MOST_LOST * tried:
        raise UserError(
            f"{path}: this tokenizer loses text, so scores of bits per byte would mean nothing: of {tried} documents "
            f"{lost} do not come back from their tokens ({example}); use one that keeps all text, such as a byte-level "
            f"BPE"
        )
    return tokenizer
