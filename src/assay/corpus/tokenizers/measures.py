"""How well a tokenizer suits a text, and how two of them differ."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from pydantic import Field

from assay.corpus.manifest import open_corpus
from assay.corpus.streams import Stream
from assay.corpus.tokenizers.base import Tokenizer
from assay.corpus.tokenizers.bpe import byte_characters
from assay.corpus.tokenizers.kinds import load_tokenizer
from assay.spec.base import Frozen

SAMPLE_BYTES = 1 << 20


class Fit(Frozen):
    """A tokenizer on some text. End of text is not counted."""

    documents: int
    bytes: int = Field(description="UTF-8")
    tokens: int
    words: int = Field(description="stretches without white space")
    changed: int = Field(description="documents that do not come back from their tokens as they were")
    used: int = Field(description="different tokens")

    @property
    def bytes_per_token(self) -> float:
        """Compression: more is shorter sequences."""
        return self.bytes / max(1, self.tokens)

    @property
    def fertility(self) -> float:
        """Tokens per word (Rust et al. 2021, "How good is your tokenizer?", section 3.1)."""
        return self.tokens / max(1, self.words)

    def facts(self) -> dict[str, float]:
        return {
            **self.model_dump(), "bytes_per_token": round(self.bytes_per_token, 4),
            "fertility": round(self.fertility, 4),
        }  # fmt: skip


def fit(tokenizer: Tokenizer, texts: Iterable[str]) -> Fit:
    """Encode texts and decode them again."""
    documents = size = tokens = words = changed = 0
    used: set[int] = set()
    for text in texts:
        encoded = tokenizer.encode_many([text])[0]
        documents, size, tokens = documents + 1, size + len(text.encode()), tokens + len(encoded)
        words, changed = words + len(text.split()), changed + (tokenizer.decode(encoded) != text)
        used.update(np.unique(encoded).tolist())
    return Fit(documents=documents, bytes=size, tokens=tokens, words=words, changed=changed, used=len(used))


def corpus_fit(folder: Path, sample_bytes: int = SAMPLE_BYTES) -> dict[str, Fit]:
    """By domain, how a corpus' tokenizer fits its training text, as the shards hold it.

    Documents spread over the domain are decoded from the tokens that training reads, and compared with the hash of the
    text that they came from.
    """
    manifest, tokenizer = open_corpus(folder), load_tokenizer(folder)
    table = pq.read_table(
        folder / "documents.parquet", columns=["domain", "hash", "bytes", "shard", "offset", "tokens"],
        filters=[("split", "==", "train")],
    )  # fmt: skip
    found: dict[str, Fit] = {}
    for name, domain in manifest.domains.items():
        rows = table.filter(np.asarray(table["domain"]) == name)
        every = max(1, -(-domain.train.bytes // sample_bytes))
        documents = size = tokens = words = changed = 0
        used: set[int] = set()
        for row in rows.take(np.arange(0, len(rows), every)).to_pylist():
            shard = Stream(folder, (row["shard"],), manifest.vocab).shards[0]
            encoded = shard[row["offset"] : row["offset"] + row["tokens"] - 1]
            text = tokenizer.decode(encoded)
            documents, size, tokens = documents + 1, size + row["bytes"], tokens + len(encoded)
            words = words + len(text.split())
            changed += hashlib.sha256(text.encode()).hexdigest() != row["hash"]
            used.update(np.unique(encoded).tolist())
        found[name] = Fit(
            documents=documents, bytes=size, tokens=tokens, words=words, changed=changed, used=len(used)
        )  # fmt: skip
    return found


class Overlap(Frozen):
    """What the vocabularies of two tokenizers share; tokens are equal if they stand for the same bytes."""

    shared: int
    only_first: int
    only_second: int

    @property
    def jaccard(self) -> float:
        """Shared tokens in all tokens of either."""
        return self.shared / max(1, self.shared + self.only_first + self.only_second)


def overlap(first: Tokenizer, second: Tokenizer) -> Overlap:
    """Compare vocabularies, tokens that stand for no text left out."""
    one, other = vocabulary(first), vocabulary(second)
    return Overlap(shared=len(one & other), only_first=len(one - other), only_second=len(other - one))


def vocabulary(tokenizer: Tokenizer) -> set[bytes]:
    """What each token stands for."""
    if tokenizer.serialised is None:
        return {bytes([byte]) for byte in range(256)}
    said = json.loads(tokenizer.serialised)
    special = {token["content"] for token in said["added_tokens"] if token["special"]}
    vocab = said["model"]["vocab"]
    names = {str(entry[0]) for entry in vocab} if isinstance(vocab, list) else set(vocab)  # unigram: with scores
    names |= {token["content"] for token in said["added_tokens"]}
    if not _spelled_in_bytes(said):
        return {name.replace("▁", " ").encode() for name in names - special}
    byte_of = {character: byte for byte, character in enumerate(byte_characters())}
    return {
        bytes(byte_of[character] for character in name) if all(c in byte_of for c in name) else name.encode()
        for name in names - special
    }


def _spelled_in_bytes(said: dict[str, object]) -> bool:
    return "ByteLevel" in json.dumps([said["pre_tokenizer"], said["decoder"]])
