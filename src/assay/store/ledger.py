"""The ledger: append-only history in which every entry carries the hash of the one before.

`hash = SHA-256(canonical JSON of [seq, time, kind, body, previous])`, so that no byte of an entry, nor the order
or number of entries, can change without `verify` naming the first entry that no longer fits.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from assay.spec.base import Frozen, canonical_json, sha256_text
from assay.spec.errors import UserError
from assay.store.schema import ledger, ledger_head

GENESIS = "0" * 64


class Entry(Frozen):
    """One line of the ledger."""

    seq: int
    time: str
    kind: str
    body: dict[str, Any]
    hash_: str


class Verification(Frozen):
    """What `verify` found. `bad_seq` is the first entry that does not fit, None if all do."""

    entries: int
    bad_seq: int | None = None
    problem: str = ""


def _digest(seq: int, time: str, kind: str, body: str, previous: str) -> str:
    return sha256_text(canonical_json([seq, time, kind, body, previous]))


def append(connection: Connection, kind: str, body: dict[str, Any]) -> int:
    """Append one entry inside the caller's transaction; returns its number."""
    head = connection.execute(select(ledger_head.c.seq, ledger_head.c.hash)).one_or_none()
    seq, previous = (head.seq + 1, head.hash) if head else (1, GENESIS)
    time, text = datetime.now(UTC).isoformat(timespec="milliseconds"), canonical_json(body)
    digest = _digest(seq, time, kind, text, previous)
    connection.execute(insert(ledger).values(seq=seq, time=time, kind=kind, body=text, previous=previous, hash=digest))
    if head:
        connection.execute(update(ledger_head).values(seq=seq, hash=digest))
    else:
        connection.execute(insert(ledger_head).values(id=1, seq=seq, hash=digest))
    return seq


def entries(connection: Connection, after: int = 0) -> Iterator[Entry]:
    """Entries in order, from the one after number `after`.

    Raises:
        UserError: an entry cannot be read.
    """
    query = select(ledger).where(ledger.c.seq > after).order_by(ledger.c.seq)
    for row in connection.execute(query):
        try:
            entry = Entry(seq=row.seq, time=row.time, kind=row.kind, body=json.loads(row.body), hash_=row.hash)
        except (TypeError, ValueError):
            raise UserError(
                f"entry {row.seq} of the ledger is damaged: `assay ledger verify` checks all of it; restore lab.db "
                f"from a copy"
            ) from None
        yield entry


def verify(connection: Connection) -> Verification:
    """Check every entry and the chain between them; names the first bad entry."""
    previous, count = GENESIS, 0
    for row in connection.execute(select(ledger).order_by(ledger.c.seq)):
        if row.seq != count + 1:
            return Verification(entries=count, bad_seq=count + 1, problem=f"entry {count + 1} is missing")
        try:
            digest = _digest(row.seq, row.time, row.kind, row.body, row.previous)
        except (TypeError, ValueError):
            digest = ""
        if row.hash != digest:
            return Verification(entries=count, bad_seq=row.seq, problem="its content does not match its hash")
        if row.previous != previous:
            return Verification(entries=count, bad_seq=row.seq, problem="it does not follow the entry before it")
        previous, count = row.hash, count + 1
    head = connection.execute(select(ledger_head.c.seq, ledger_head.c.hash)).one_or_none()
    if (head.seq, head.hash) != (count, previous) if head else count:
        return Verification(entries=count, bad_seq=count + 1, problem="the ledger ends early or its head was changed")
    return Verification(entries=count)
