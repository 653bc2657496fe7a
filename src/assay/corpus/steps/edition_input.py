"""An edition as the input of a step."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from assay.corpus.editions.edition import OpenEdition
from assay.corpus.editions.rows import open_rows, readable
from assay.corpus.steps.account import Files
from assay.corpus.texts import Texts


class EditionBatch:
    """A row group of an edition; columns are read when they are asked for.

    Attributes:
        first: number of its first document.
        rows: how many there are.
    """

    def __init__(self, path: Path, group: int, first: int, rows: int) -> None:
        self._path, self._group, self.first, self._rows = path, group, first, rows
        self._texts: Texts | None = None

    def __len__(self) -> int:
        return self._rows

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Some columns, or all."""
        with open_rows(self._path) as file:
            return file.read_row_group(self._group, columns=columns, use_threads=False)

    @cached_property
    def table(self) -> pa.Table:
        """All columns."""
        return self.read()

    @property
    def texts(self) -> Texts:
        if self._texts is None:
            self._texts = Texts.of(self._column("text"))
        return self._texts

    @property
    def sizes(self) -> np.ndarray:
        return self.texts.sizes

    @property
    def domains(self) -> tuple[np.ndarray, list[str]]:
        encoded = self._column("domain").dictionary_encode()
        return encoded.indices.to_numpy(), encoded.dictionary.to_pylist()

    def column(self, name: str) -> Sequence[str]:
        """A field of each document."""
        return self._column(name).to_pylist()

    def _column(self, name: str) -> pa.Array:
        found = self.table if "table" in self.__dict__ else self.read([name])
        return found[name].combine_chunks() if found[name].num_chunks != 1 else found[name].chunk(0)


@dataclass(frozen=True)
class EditionPiece:
    """A row group. `done` counts bytes of the files up to its end."""

    index: int
    shard: int
    done: int
    path: Path
    group: int
    first: int
    rows: int

    def load(self) -> EditionBatch:
        return EditionBatch(self.path, self.group, self.first, self.rows)


class EditionInput:
    """All documents that an edition keeps.

    Attributes:
        size: bytes of its files.
    """

    passes = 0

    def __init__(self, edition: OpenEdition) -> None:
        self.edition = edition
        self.bad: dict[str, int] = {}
        self.other_files: dict[str, Files] = {}
        self._paths = [edition.shard(shard.name) for shard in edition.manifest.shards]
        self.size = sum(path.stat().st_size for path in self._paths)

    @property
    def names(self) -> list[str]:
        return [shard.name for shard in self.edition.manifest.shards]

    def prepare(self, workers: int, progress: Callable[[int], None]) -> None:
        """Nothing: an edition holds no bad documents."""

    def check(self) -> None:
        """Nothing: an edition was checked when it was made."""

    def pieces(self) -> Iterator[EditionPiece]:
        index, first, before = 0, 0, 0
        for shard, path in enumerate(self._paths):
            with readable(path):
                metadata = pq.read_metadata(path)
            size, groups = path.stat().st_size, metadata.num_row_groups
            for group in range(groups):
                rows = metadata.row_group(group).num_rows
                done = before + size * (group + 1) // groups
                yield EditionPiece(index, shard, done, path, group, first, rows)
                index, first = index + 1, first + rows
            before += size
