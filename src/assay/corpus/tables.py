"""`documents.parquet`: where every document of a corpus comes from, on which side it is, and where its tokens lie."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from assay.corpus.spool import Spooled

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("domain", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("licence", pa.string(), nullable=False),
        pa.field("hash", pa.string(), nullable=False),  # SHA-256 of the text
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("shard", pa.string()),  # these three are null for held-out documents
        pa.field("offset", pa.int64()),  # in tokens
        pa.field("tokens", pa.int64()),  # end of text included
    ]
)
_ROWS = 10_000


class DocumentTable:
    """Writes the table in groups of rows. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(path, SCHEMA, compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def __enter__(self) -> "DocumentTable":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._flush()
        self._writer.close()

    def add(
        self,
        domain: str,
        document: Spooled,
        shard: str | None = None,
        offset: int | None = None,
        tokens: int | None = None,
    ) -> None:
        """Add a training document with the place of its tokens, or a held-out one without."""
        self._rows.append(
            {
                "id": document.id,
                "domain": domain,
                "split": "heldout" if shard is None else "train",
                "source": document.source,
                "licence": document.licence,
                "hash": document.hash.hex(),
                "bytes": len(document.content),
                "shard": shard,
                "offset": offset,
                "tokens": tokens,
            }
        )
        if len(self._rows) >= _ROWS:
            self._flush()

    def _flush(self) -> None:
        self._writer.write_table(pa.Table.from_pylist(self._rows, schema=SCHEMA))
        self._rows.clear()
