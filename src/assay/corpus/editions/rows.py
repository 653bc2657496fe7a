"""The rows of an edition: documents with their provenance, as Parquet files."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assay.corpus.merkle import document_leaf
from assay.corpus.steps.account import Amount
from assay.spec.errors import UserError

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("domain", pa.string(), nullable=False),
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("licence", pa.string(), nullable=False),  # SPDX where known, else as found, else "unknown"
        pa.field("retrieved", pa.string(), nullable=False),  # date, ISO 8601
        pa.field("group", pa.string(), nullable=False),  # what is split together
        pa.field("hash", pa.binary(32), nullable=False),  # SHA-256 of the text as it came in
        pa.field("text_hash", pa.binary(32), nullable=False),  # SHA-256 of the text as it is
        pa.field("steps", pa.list_(pa.string()), nullable=False),  # what came over it, one entry a step
        pa.field("extra", pa.string(), nullable=False),  # JSON object: the record's other fields
    ]
)
REMOVED = SCHEMA.append(pa.field("removed_by", pa.string(), nullable=False)).append(
    pa.field("detail", pa.string(), nullable=False)
)
#: Bytes of text in a row group, which is what a step holds at a time.
GROUP_BYTES = 8 << 20
#: Columns of few values, or whose values come in runs.
_REPEATING = ["domain", "source", "licence", "retrieved", "group", "removed_by"]
_SAID_ONCE = ["id", "domain", "source", "licence", "retrieved"]


class RowsWriter:
    """Writes rows in groups whose borders depend on the rows alone. `close` when done."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._schema = schema
        self._writer = pq.ParquetWriter(
            path, schema, compression="zstd",
            use_dictionary=[name for name in _REPEATING if name in schema.names],  # pyright: ignore[reportArgumentType]
            write_statistics=_SAID_ONCE,  # pyright: ignore[reportArgumentType]
            write_page_checksum=True,
        )  # fmt: skip
        self._tables: list[pa.Table] = []
        self._held = 0
        self.documents = 0
        self.bytes = 0
        self.domains: dict[str, Amount] = {}

    def write(self, table: pa.Table) -> None:
        lengths = pc.binary_length(table["text"])  # pyright: ignore[reportAttributeAccessIssue]
        sizes = lengths.to_numpy()
        start = 0
        for row, size in enumerate(sizes.tolist()):
            self._held += size
            if self._held >= GROUP_BYTES:
                self._tables.append(table.slice(start, row + 1 - start))
                self._flush()
                start = row + 1
        if start < len(table):
            self._tables.append(table.slice(start))
        self.documents += len(table)
        self.bytes += int(sizes.sum())
        domains = table["domain"].combine_chunks().dictionary_encode()
        codes, names = domains.indices.to_numpy(), domains.dictionary.to_pylist()
        for name, documents, size in zip(names, np.bincount(codes), np.bincount(codes, sizes), strict=True):
            amount = Amount(documents=int(documents), bytes=int(size))
            self.domains[name] = self.domains.get(name, Amount()) + amount

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._tables:
            table = pa.concat_tables(self._tables).combine_chunks()
            self._writer.write_table(table, row_group_size=max(1, len(table)))
        self._tables, self._held = [], 0


@contextmanager
def open_rows(path: Path) -> Iterator[pq.ParquetFile]:
    """A file of rows, whose pages are compared with their checksums as they are read.

    Raises:
        UserError: as `readable`.
    """
    with readable(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
        yield file


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Raise `UserError` wherever, while a file of rows is read, it turns out to be damaged."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: damaged ({str(error).splitlines()[0]}); restore the file from a copy") from None


def leaves(table: pa.Table) -> list[bytes]:
    """Leaves of the Merkle tree for some rows."""
    columns = (table[name].to_pylist() for name in ("text_hash", "domain", "id", "source", "licence"))
    return [document_leaf(*fields) for fields in zip(*columns, strict=True)]


def text_hash(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()
