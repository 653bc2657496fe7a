"""Documents that are to be removed, on their way through the editions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa

from assay.corpus.editions.edition import OpenEdition
from assay.corpus.editions.entries import read_entry
from assay.corpus.editions.origin import Key, Origin, key_of, origin_of
from assay.corpus.editions.rows import readable
from assay.corpus.removal.quotations import Quotations
from assay.corpus.removal.reading import Reading, files_of
from assay.corpus.removal.request import Request
from assay.corpus.steps.engine import Progress

_MEANT_BY = ("source", "hash", "text_hash")


class Passing(NamedTuple):
    """A document in an edition. `taken`: bytes that the step took away, by rule; `removed_by`: '' if it was kept."""

    edition: str
    step: str
    bytes: int
    taken: dict[str, int]
    removed_by: str


@dataclass
class Traced(Origin):
    """A document that is to be removed. `hashes`: of its text in any edition, in hex."""

    hashes: set[str] = field(default_factory=set)
    passings: list[Passing] = field(default_factory=list)


def trace(
    line: Sequence[OpenEdition],
    others: Sequence[OpenEdition],
    request: Request,
    quotations: Quotations,
    progress: Progress | None = None,
) -> list[Traced]:
    """The documents that are meant, with all their passings through a line of editions.

    Args:
        line: from the first edition to the newest.
        others: editions apart from it, which may hold some too.
        quotations: is shown all their texts.
    """
    found: dict[Key, Traced] = {}
    entries: dict[Key, int] = {}
    seen: set[bytes] = set()
    reading = Reading(files_of((*line, *others)), "looking for the documents and what quotes them", progress)
    for edition in (*line, *others):
        for row, side in meant_rows(edition, request, reading):
            key = key_of(row)
            traced = found.setdefault(key, Traced(**origin_of(row)))
            traced.hashes |= {row["hash"].hex(), row["text_hash"].hex()}
            if row["text_hash"] not in seen:  # most texts go through several editions as they are
                seen.add(row["text_hash"])
                quotations.see(row["text"])
            if edition in others:
                continue
            size = len(row["text"].encode())
            changed = side == "kept" and len(row["steps"]) > entries.get(key, len(row["steps"]))
            taken = _taken(edition, row, traced.passings[-1].bytes - size) if changed else {}
            entries[key] = len(row["steps"])
            passing = Passing(edition.id, edition.manifest.step, size, taken, row.get("removed_by", ""))
            traced.passings.append(passing)
    return list(found.values())


def _taken(edition: OpenEdition, row: dict[str, Any], shorter: int) -> dict[str, int]:
    taken = read_entry(edition.manifest.step, row["steps"][-1]).taken
    known = {rule: size or 0 for rule, size in taken.items()}
    known[next(iter(known))] += shorter - sum(known.values())  # as in `Judged.taken_by`
    return known


def meant_rows(edition: OpenEdition, request: Request, reading: Reading) -> Iterator[tuple[dict[str, Any], str]]:
    """The rows of an edition that a request means, each with its side: `kept` or `removed`."""
    for side in ("kept", "removed"):
        for shard in edition.manifest.shards:
            path = edition.shard(shard.name, side)
            with readable(path):
                for file, group in reading.groups(path):
                    meant = request.rows(file.read_row_group(group, columns=list(_MEANT_BY), use_threads=False))
                    if meant.any():
                        table = file.read_row_group(group, use_threads=False).filter(pa.array(meant))
                        yield from ((row, side) for row in table.to_pylist())
