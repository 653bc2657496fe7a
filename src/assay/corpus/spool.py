"""A build's working copy: texts on disk in order of arrival, and an index of them in order of their hashes.

Sources are read once and never held in memory; exact duplicates fall out as they arrive.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from assay.corpus.documents import Document
from assay.corpus.split import draw
from assay.corpus.steps.account import Amount

#: The sides of the split.
SIDES = TRAIN, HELDOUT, SEALED = 0, 1, 2


@dataclass(frozen=True)
class Spooled:
    """A document of the index, with its text as UTF-8."""

    hash: bytes
    id: str
    source: str
    licence: str
    content: bytes


class Place(NamedTuple):
    """Where the text of a document is in `Spool.path`."""

    hash: bytes
    start: int
    bytes: int


class Known(NamedTuple):
    """Where the tokens of a document are already, end of text included: a file, offset and number in tokens."""

    shard: str
    offset: int
    tokens: int


class Spool:
    """Documents waiting to be split and tokenised. Use as a context manager; the folder is the caller's to remove.

    Attributes:
        path: the file of texts.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "texts"
        self._texts = self.path.open("w+b")
        self._index = sqlite3.connect(folder / "index.db", isolation_level=None)
        self._index.executescript(
            """
            PRAGMA journal_mode = OFF;
            PRAGMA synchronous = OFF;
            CREATE TABLE documents (
                hash BLOB PRIMARY KEY, domain TEXT, drawn INTEGER, id TEXT, source TEXT, licence TEXT,
                start INTEGER, bytes INTEGER, side INTEGER DEFAULT 0
            ) WITHOUT ROWID;
            CREATE TABLE known (hash BLOB PRIMARY KEY, shard TEXT, start INTEGER, tokens INTEGER) WITHOUT ROWID;
            BEGIN;
            """
        )
        self._end = 0
        self._arrived = 0

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *_: object) -> None:
        self._texts.close()
        self._index.close()

    def add(self, domain: str, document: Document) -> int:
        """Take a document in and return its bytes.

        Of equal texts the one that sorts first by domain, group and provenance stays, whatever came first.
        """
        content = document.text.encode()
        self._texts.write(content)
        self._index.execute(
            """
            INSERT INTO documents (hash, domain, drawn, id, source, licence, start, bytes) VALUES (?,?,?,?,?,?,?,?)
            ON CONFLICT (hash) DO UPDATE SET
                domain = excluded.domain, drawn = excluded.drawn, id = excluded.id,
                source = excluded.source, licence = excluded.licence
            WHERE (excluded.domain, excluded.drawn, excluded.id, excluded.source, excluded.licence)
                < (domain, drawn, id, source, licence)
            """,
            (
                hashlib.sha256(content).digest(), domain, draw(document.group), document.id, document.source,
                document.licence, self._end, len(content),
            ),
        )  # fmt: skip
        self._end += len(content)
        self._arrived += 1
        return len(content)

    def dropped(self) -> Amount:
        """Documents that were exact duplicates of others."""
        documents, size = self._index.execute("SELECT count(*), coalesce(sum(bytes), 0) FROM documents").fetchone()
        return Amount(documents=self._arrived - documents, bytes=self._end - size)

    def draws(self, domain: str) -> np.ndarray:
        """Distinct draws of a domain's groups, int64."""
        rows = self._index.execute("SELECT DISTINCT drawn FROM documents WHERE domain = ?", (domain,))
        return np.fromiter((row[0] for row in rows), np.int64)

    def divide(self, heldout: np.ndarray, sealed: np.ndarray) -> None:
        """Put every document of these groups on its side; all others train. Call once, after the last `add`."""
        self._texts.flush()
        self._index.execute("CREATE TEMP TABLE sides (drawn INTEGER PRIMARY KEY, side INTEGER)")
        for draws, side in ((heldout, HELDOUT), (sealed, SEALED)):
            self._index.executemany("INSERT INTO sides VALUES (?, ?)", ((int(drawn), side) for drawn in draws))
        self._index.execute(
            "UPDATE documents SET side = (SELECT side FROM sides WHERE sides.drawn = documents.drawn) "
            "WHERE drawn IN (SELECT drawn FROM sides)"
        )
        self._index.execute("CREATE INDEX parts ON documents (domain, side, hash)")

    def hashes(self, domain: str, side: int) -> Iterator[bytes]:
        """SHA-256 of the texts of one side of a domain, in ascending order."""
        query = "SELECT hash FROM documents WHERE domain = ? AND side = ? ORDER BY hash"
        return (row[0] for row in self._index.execute(query, (domain, side)))

    def totals(self, domain: str, side: int) -> tuple[int, int]:
        """Documents and bytes of one side of a domain."""
        query = "SELECT count(*), coalesce(sum(bytes), 0) FROM documents WHERE domain = ? AND side = ?"
        return self._index.execute(query, (domain, side)).fetchone()

    def documents(self, domain: str, side: int) -> Iterator[Spooled]:
        """Documents of one side of a domain, in ascending order of their hashes."""
        query = """
            SELECT hash, id, source, licence, start, bytes FROM documents
            WHERE domain = ? AND side = ? ORDER BY hash
        """
        for digest, name, source, licence, start, size in self._index.execute(query, (domain, side)):
            self._texts.seek(start)
            yield Spooled(digest, name, source, licence, self._texts.read(size))

    def note(self, known: Iterable[tuple[bytes, Known]]) -> None:
        """Remember where the tokens of documents are, by the hashes of their texts; others are passed over."""
        self._index.executemany(
            "INSERT OR IGNORE INTO known SELECT ?1, ?2, ?3, ?4 WHERE EXISTS "
            f"(SELECT 1 FROM documents WHERE hash = ?1 AND side = {TRAIN})",
            ((digest, *place) for digest, place in known),
        )

    def known(self) -> tuple[Amount, Amount]:
        """What there is on the training side with tokens that are known, and without."""
        query = f"""
            SELECT count(*), coalesce(sum(bytes), 0) FROM documents LEFT JOIN known USING (hash)
            WHERE side = {TRAIN} AND shard IS {{}} NULL
        """
        with_tokens, without = (self._index.execute(query.format(word)).fetchone() for word in ("NOT", ""))
        return Amount(documents=with_tokens[0], bytes=with_tokens[1]), Amount(documents=without[0], bytes=without[1])

    def unknown(self, domain: str) -> Iterator[Place]:
        """Training documents of a domain whose tokens are not known, in ascending order of their hashes."""
        query = f"""
            SELECT hash, documents.start, bytes FROM documents LEFT JOIN known USING (hash)
            WHERE domain = ? AND side = {TRAIN} AND shard IS NULL ORDER BY hash
        """
        return map(Place._make, self._index.execute(query, (domain,)))

    def training(self, domain: str) -> Iterator[tuple[Spooled, Known | None]]:
        """Training documents of a domain in ascending order of their hashes, with their tokens where known."""
        query = "SELECT shard, start, tokens FROM known WHERE hash = ?"
        for document in self.documents(domain, TRAIN):
            row = self._index.execute(query, (document.hash,)).fetchone()
            yield document, None if row is None else Known(*row)
