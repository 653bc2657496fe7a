"""A tokenised corpus, as something to be looked at: its training documents, decoded from their tokens."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow.parquet as pq

from assay.corpus.analysis.collection import Read, Removed
from assay.corpus.analysis.facts import StepFacts
from assay.corpus.documents import id_group
from assay.corpus.manifest import open_corpus
from assay.corpus.texts import Texts
from assay.corpus.tokenizers.base import Tokenizer, token_type
from assay.corpus.tokenizers.kinds import load_tokenizer

_BATCH = 512


def is_corpus(path: Path) -> bool:
    return (path / "manifest.json").is_file() and (path / "documents.parquet").is_file()


def text_of(folder: Path, row: Mapping[str, Any], tokenizer: Tokenizer) -> str:
    """The text of a training document, by its row of documents.parquet."""
    shard = np.memmap(folder / row["shard"], token_type(tokenizer.vocab), "r")
    return tokenizer.decode(np.asarray(shard[row["offset"] : row["offset"] + row["tokens"] - 1]))  # without end of text


class CorpusText:
    """The training documents of a corpus folder; held-out and sealed ones are no part of it.

    The fields are those of `Collection`.
    """

    kind: Literal["edition", "files", "corpus"] = "corpus"
    root = ""
    steps: tuple[StepFacts, ...] = ()

    def __init__(self, folder: Path) -> None:
        self._folder, manifest = folder, open_corpus(folder)
        self.id, self.trained_on = manifest.id, {name: domain.train for name, domain in manifest.domains.items()}
        self.size = sum(domain.train.bytes for domain in manifest.domains.values())
        folder = folder.absolute()
        self.name = folder.parent.parent.name if folder.parent.name == "corpora" else folder.name
        self._tokenizer = load_tokenizer(folder)

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """Of documents.parquet: the training documents in order."""
        rows = pq.read_table(self._folder / "documents.parquet").to_pylist()
        return [row for row in rows if row["split"] == "train"]

    def read(self) -> Iterator[Read]:
        done = 0
        for first in range(0, len(self.rows), _BATCH):
            rows = self.rows[first : first + _BATCH]
            done += sum(row["bytes"] for row in rows)
            yield Read(_Decoded(self._folder, self._tokenizer, first, rows), [{}] * len(rows), done)

    def removed(self) -> Iterator[Removed]:
        yield from ()


class _Decoded:
    """Some training documents as a batch."""

    def __init__(self, folder: Path, tokenizer: Tokenizer, first: int, rows: Sequence[dict[str, Any]]) -> None:
        self.first, self._rows = first, rows
        self.texts = Texts.of([text_of(folder, row, tokenizer) for row in rows])

    def __len__(self) -> int:
        return len(self._rows)

    def column(self, name: str) -> Sequence[str]:
        """A field of each document."""
        if name == "group":
            return [id_group(row["id"]) for row in self._rows]
        if name == "retrieved":
            return [""] * len(self._rows)
        return [row[name] for row in self._rows]
