"""A corpus' training documents as the input of a step: texts decoded from tokens, as earlier steps left them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from assay.corpus.documents import id_group
from assay.corpus.manifest import open_corpus
from assay.corpus.steps.account import Files
from assay.corpus.texts import Texts
from assay.corpus.tokenizers.base import token_type
from assay.corpus.tokenizers.kinds import load_tokenizer
from assay.corpus.views.annotation import Annotation, read_annotation
from assay.corpus.views.spelling import spelling

PIECE_BYTES = 2 << 20


class TrainingDocuments:
    """All training documents of a corpus, numbered in the order of its table.

    Attributes:
        table: their rows of documents.parquet.
        sizes: bytes of each text, (N,) int64.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.manifest = open_corpus(folder)
        rows = pq.read_table(folder / "documents.parquet")
        train = pa.array([side == "train" for side in rows["split"].to_pylist()])
        self.table = rows.filter(train).combine_chunks()
        self.heldout = rows.filter(pa.array([side == "heldout" for side in rows["split"].to_pylist()]))
        self.sizes = self.table["bytes"].to_numpy()
        self._shard = self.table["shard"].to_pylist()
        self._offset, self._tokens = (self.table[name].to_numpy() for name in ("offset", "tokens"))
        self._spell = spelling(load_tokenizer(folder))
        self._mapped: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.sizes)

    def tokens(self, number: int) -> np.ndarray:
        """Tokens of a document, end of text included."""
        name = self._shard[number]
        if name not in self._mapped:
            self._mapped[name] = np.asarray(np.memmap(self._folder / name, token_type(self.manifest.vocab), "r"))
        start = int(self._offset[number])
        return self._mapped[name][start : start + int(self._tokens[number])]

    def text(self, number: int) -> bytes:
        """Text of a document. Tokenizers lose nothing, so that it is what was tokenised."""
        return self._spell(self.tokens(number)[:-1])


@cache
def training_documents(folder: Path) -> TrainingDocuments:
    """Those of a corpus, read once a process."""
    return TrainingDocuments(folder)


def sample_texts(folder: Path, most: int) -> dict[str, list[str]]:
    """Documents spread over each domain of a corpus, of about so many bytes in all a domain."""
    documents = training_documents(folder)
    domains, found = np.asarray(documents.table["domain"].to_pylist()), dict[str, list[str]]()
    for name in documents.manifest.domains:
        numbers = np.flatnonzero(domains == name)
        every = max(1, -(-int(documents.sizes[numbers].sum()) // most))
        found[name] = [documents.text(int(number)).decode() for number in numbers[::every]]
    return found


class TrainingBatch:
    """Consecutive documents of those that the step before left.

    Attributes:
        first: number of the first of them among these.
        numbers: (N,) their numbers among all training documents.
        rewritten: texts that earlier steps changed, by place in the batch.
    """

    def __init__(self, corpus: Path, before: Annotation | None, first: int, numbers: np.ndarray) -> None:
        self._documents, self._before = training_documents(corpus), before
        self.first, self.numbers = first, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    @cached_property
    def rewritten(self) -> dict[int, bytes]:
        if self._before is None or not len(self._before.changed):
            return {}
        texts = {place: self._before.text(number) for place, number in enumerate(self.numbers.tolist())}
        return {place: text for place, text in texts.items() if text is not None}

    @property
    def texts(self) -> Texts:
        return self._texts

    @cached_property
    def _texts(self) -> Texts:
        parts = [
            self.rewritten[place] if place in self.rewritten else self._documents.text(number)
            for place, number in enumerate(self.numbers.tolist())
        ]
        offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts], dtype=np.int64)])
        return Texts(np.frombuffer(b"".join(parts), np.uint8), offsets)

    @property
    def sizes(self) -> np.ndarray:
        return self.texts.sizes

    @property
    def domains(self) -> tuple[np.ndarray, list[str]]:
        encoded = self._rows("domain").dictionary_encode()
        return encoded.indices.to_numpy(), encoded.dictionary.to_pylist()

    def column(self, name: str) -> Sequence[str]:
        """A field of each document; when it was retrieved is not known here."""
        if name == "retrieved":
            return [""] * len(self)
        if name == "group":
            return [id_group(given) for given in self._rows("id").to_pylist()]
        return self._rows(name).to_pylist()

    def _rows(self, name: str) -> pa.Array:
        return self._documents.table[name].combine_chunks().take(pa.array(self.numbers))


@dataclass(frozen=True)
class TrainingPiece:
    """A batch that has not been read yet. `done` counts bytes of the corpus up to its end."""

    index: int
    shard: int
    done: int
    corpus: Path
    before: Path | None
    first: int
    stop: int

    def load(self) -> TrainingBatch:
        before = read_annotation(self.before) if self.before else None
        numbers = np.arange(self.first, self.stop) if before is None else before.kept[self.first : self.stop]
        return TrainingBatch(self.corpus, before, self.first, np.asarray(numbers))


class TrainingText:
    """The training documents of a corpus that a step before left, or all of them.

    Args:
        corpus: its folder.
        before: the annotation of the step before.
    """

    names = ("train",)
    passes = 0

    def __init__(self, corpus: Path, before: Path | None = None) -> None:
        self._corpus, self._before = corpus, before
        documents = training_documents(corpus)
        kept = slice(None) if before is None else read_annotation(before).kept
        self._ends = np.cumsum(documents.sizes[kept])
        self.size = int(self._ends[-1]) if len(self._ends) else 0
        self.bad: dict[str, int] = {}
        self.other_files: dict[str, Files] = {}

    def prepare(self, workers: int, progress: Callable[[int], None]) -> None:
        """Nothing: a corpus holds no bad documents."""

    def check(self) -> None:
        """Nothing: a corpus was checked when it was built."""

    def pieces(self) -> Iterator[TrainingPiece]:
        first, index = 0, 0
        while first < len(self._ends):
            before = int(self._ends[first - 1]) if first else 0
            stop = max(first + 1, int(np.searchsorted(self._ends, before + PIECE_BYTES, "right")))
            yield TrainingPiece(index, 0, int(self._ends[stop - 1]), self._corpus, self._before, first, stop)
            first, index = stop, index + 1
