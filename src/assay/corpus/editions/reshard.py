"""The same documents in another number of shards."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assay.corpus.editions.rows import SCHEMA, RowsWriter


def reshard(paths: Sequence[Path], folder: Path, count: int) -> list[tuple[int, int]]:
    """Copy documents into so many shards of about equal bytes, in the same order; documents and bytes of each.

    A document goes to the shard in whose share of all bytes its first one lies.
    """
    total = sum(_bytes(path) for path in paths)
    writers = [RowsWriter(folder / f"{number:05}.parquet", SCHEMA) for number in range(count)]
    before = 0
    for path in paths:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, use_threads=False)
                sizes = _sizes(table)
                starts = before + np.cumsum(sizes) - sizes
                shards = np.minimum(starts * count // max(1, total), count - 1)
                for shard in np.unique(shards).tolist():
                    rows = np.flatnonzero(shards == shard)
                    writers[shard].write(table.slice(int(rows[0]), len(rows)))
                before += int(sizes.sum())
    for writer in writers:
        writer.close()
    return [(writer.documents, writer.bytes) for writer in writers]


def _bytes(path: Path) -> int:
    with pq.ParquetFile(path) as file:
        groups = range(file.num_row_groups)
        return sum(int(_sizes(file.read_row_group(group, ["text"], use_threads=False)).sum()) for group in groups)


def _sizes(table: pa.Table) -> np.ndarray:
    return pc.binary_length(table["text"]).to_numpy()  # pyright: ignore[reportAttributeAccessIssue]
