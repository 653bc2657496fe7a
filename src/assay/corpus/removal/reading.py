"""How far the editions of a lab, and the files beside them, have been read."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow.parquet as pq

from assay.corpus.editions.edition import OpenEdition
from assay.corpus.editions.rows import open_rows
from assay.corpus.steps.engine import Progress


class Reading:
    """Shows the bytes of files as they are read, one file after the other.

    Args:
        paths: all that will be read.
        doing: what for, in a few words.
    """

    def __init__(self, paths: Iterable[Path], doing: str, progress: Progress | None) -> None:
        self._total = sum(path.stat().st_size for path in paths)
        self._done, self._doing, self._progress = 0, doing, progress

    def groups(self, path: Path) -> Iterator[tuple[pq.ParquetFile, int]]:
        """The row groups of a file of documents."""
        before = self._done
        size = path.stat().st_size
        with open_rows(path) as file:
            for group in range(file.num_row_groups):
                self._show(before + size * group // file.num_row_groups)
                yield file, group
        self._show(before + size)

    def files(self, paths: Iterable[Path]) -> Iterator[Path]:
        """The files themselves."""
        for path in paths:
            size = path.stat().st_size  # whoever reads it may delete it
            self._show(self._done)
            yield path
            self._show(self._done + size)

    def _show(self, done: int) -> None:
        self._done = done
        if self._progress:
            self._progress(done, self._total, self._doing)


def files_of(editions: Iterable[OpenEdition]) -> list[Path]:
    """All documents of editions, kept and removed ones."""
    return [
        edition.shard(shard.name, side)
        for edition in editions
        for side in ("kept", "removed")
        for shard in edition.manifest.shards
    ]
