"""Removing documents on request, from every edition of a lab's text.

The editions are written again as if the documents had never come in, under new ids, since their roots change; the old
ones are deleted. What a step decided because of a document that is gone, such as removing a copy of it, stays decided.
"""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from assay.corpus.editions.edition import (
    MANIFEST,
    TEXT,
    Edition,
    OpenEdition,
    lineage,
    newest_edition,
    place,
    start_from,
)
from assay.corpus.editions.request import REQUEST
from assay.corpus.editions.rows import REMOVED, SCHEMA, RowsWriter, leaves
from assay.corpus.merkle import MerkleTree
from assay.corpus.steps.account import Amount
from assay.corpus.steps.engine import Progress
from assay.corpus.workfolder import work_folder
from assay.spec.errors import UserError

#: What was removed, in the lab's `text/`: requests, dates, counts and ids, no text.
RECORD = "removals.jsonl"
_QUOTED = 12  # characters of a text in a report that count as a quotation
_GONE = "(removed on request)"


@dataclass(frozen=True)
class Request:
    """What is to be removed: all documents of some sources, and those with texts of some hashes.

    Attributes:
        sources: as documents name them.
        hashes: beginnings of SHA-256 sums in hex, of a text as it came in or as it is.
    """

    sources: frozenset[str]
    hashes: tuple[str, ...]

    @classmethod
    def of(cls, words: tuple[str, ...]) -> "Request":
        """A word of 8 to 64 hex digits is a hash, any other a source."""
        hashes = tuple(word for word in words if re.fullmatch(r"[0-9a-f]{8,64}", word))
        return cls(frozenset(words) - set(hashes), hashes)

    def rows(self, table: Any) -> np.ndarray:
        """The rows of an edition that are meant, (rows,) bool. Columns: `source`, `hash`, `text_hash`."""
        meant = np.array([source in self.sources for source in table["source"].to_pylist()], bool)
        if self.hashes:
            for name in ("hash", "text_hash"):
                meant |= [digest.hex().startswith(self.hashes) for digest in table[name].to_pylist()]
        return meant


@dataclass
class Removal:
    """What was done.

    Attributes:
        documents: how many different ones, by domain and id.
        hashes: of their texts, as these were in any edition, in hex.
        editions: new id of each edition that was written again, by its old one.
        deleted: ids of editions apart from the present line that were deleted.
        newest: id of the newest edition.
    """

    documents: int = 0
    hashes: set[str] = field(default_factory=set)
    editions: dict[str, str] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    newest: str = ""


def remove_from_editions(lab: Path, request: Request, progress: Progress | None = None) -> Removal:
    """Remove documents from all editions. The caller holds the lock of the lab's text.

    Killed on the way, the same request does the rest.
    """
    line = list(lineage(newest_edition(lab)))[::-1]
    others = _others(lab, line)
    found = Removal(newest=line[-1].id)
    texts = _meant(line + others, request, found)
    renamed: dict[str, str] = {}
    done, total = 0, sum(edition.manifest.bytes for edition in line)
    for edition in line:
        if progress:
            progress(done, total, f"writing {edition.manifest.step} again")
        done += edition.manifest.bytes
        parent = renamed.get(edition.manifest.parent, edition.manifest.parent)
        if parent != edition.manifest.parent or any(request.rows(table).any() for table in _tables(edition)):
            with work_folder(lab / TEXT) as work:
                renamed[edition.id] = _write_again(lab, edition, parent, request, texts, work)
    found.newest = renamed.get(line[-1].id, line[-1].id)
    start_from(lab, found.newest)
    found.editions = renamed
    for edition in (*line, *others):
        if edition.id in renamed or (edition in others and any(request.rows(t).any() for t in _tables(edition))):
            shutil.rmtree(edition.folder)
            if edition.id not in renamed:
                found.deleted.append(edition.id)
    if found.documents:
        for left in (lab / TEXT).glob(".add-*"):  # half-done intakes may hold such text
            shutil.rmtree(left)
    return found


def record_removal(lab: Path, words: tuple[str, ...], facts: dict[str, Any]) -> None:
    """Write down what was asked for and done."""
    entry = {"date": datetime.now(UTC).date().isoformat(), "request": list(words), **facts}
    (lab / TEXT).mkdir(mode=0o700, exist_ok=True)
    with (lab / TEXT / RECORD).open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry, ensure_ascii=False) + "\n")


def sources_of(lab: Path) -> list[str]:
    """All sources that the newest edition names."""
    found: set[str] = set()
    for table in _tables(newest_edition(lab), ("source",)):
        found.update(table["source"].to_pylist())
    return sorted(found)


def _others(lab: Path, line: list[OpenEdition]) -> list[OpenEdition]:
    known = {edition.id for edition in line}
    folders = sorted(path.parent for path in (lab / TEXT).glob(f"*/{MANIFEST}"))
    return [OpenEdition(folder) for folder in folders if folder.name not in known and not folder.name.startswith(".")]


def _tables(edition: OpenEdition, columns: tuple[str, ...] = ("source", "hash", "text_hash")) -> Iterator[pa.Table]:
    for shard in edition.manifest.shards:
        for side in ("kept", "removed"):
            with pq.ParquetFile(edition.shard(shard.name, side)) as file:
                for group in range(file.num_row_groups):
                    yield file.read_row_group(group, columns=list(columns), use_threads=False)


def _meant(editions: list[OpenEdition], request: Request, found: Removal) -> list[str]:
    """The texts that are meant, with single spaces; hashes and number go into `found`."""
    texts: set[str] = set()
    names: set[tuple[str, str]] = set()
    columns = ("source", "hash", "text_hash", "domain", "id", "text")
    for edition in editions:
        for table in _tables(edition, columns):
            chosen = table.filter(pa.array(request.rows(table)))
            texts.update(" ".join(text.split()) for text in chosen["text"].to_pylist())
            names.update(zip(chosen["domain"].to_pylist(), chosen["id"].to_pylist(), strict=True))
            for name in ("hash", "text_hash"):
                found.hashes.update(digest.hex() for digest in chosen[name].to_pylist())
    found.documents = len(names)
    return sorted(texts)


def _write_again(lab: Path, edition: OpenEdition, parent: str, request: Request, texts: list[str], work: Path) -> str:
    folder = work / "edition"
    trees = {"kept": MerkleTree(), "removed": MerkleTree()}
    shards, gone = [], 0
    domains: dict[str, Amount] = {}
    for shard in edition.manifest.shards:
        sizes: dict[str, tuple[int, int]] = {}
        for side, schema in (("kept", SCHEMA), ("removed", REMOVED)):
            writer = RowsWriter(folder / side / f"{shard.name}.parquet", schema)
            with pq.ParquetFile(edition.shard(shard.name, side)) as file:
                for group in range(file.num_row_groups):
                    table = file.read_row_group(group, use_threads=False)
                    meant = request.rows(table)
                    rest = table.filter(pa.array(~meant)) if meant.any() else table
                    gone += int(meant.sum())
                    writer.write(rest)
                    trees[side].extend(leaves(rest))
            writer.close()
            for name, amount in writer.domains.items() if side == "kept" else ():
                domains[name] = domains.get(name, Amount()) + amount
            sizes[side] = writer.documents, writer.bytes
        documents, size = sizes["kept"]
        shards.append(shard.model_copy(update={"documents": documents, "bytes": size, "removed": sizes["removed"][0]}))
    manifest: Edition = edition.manifest.model_copy(update={
        "parent": parent, "root": trees["kept"].root(), "removed_root": trees["removed"].root(),
        "documents": sum(shard.documents for shard in shards), "bytes": sum(shard.bytes for shard in shards),
        "domains": domains, "shards": tuple(shards),
    })  # fmt: skip
    report = {**_without_quotations(edition.report(), texts), "removed_on_request": gone}
    account = edition.account()
    account = account.model_copy(update={"report": _without_quotations(account.report, texts)})
    if (edition.folder / REQUEST).is_file():  # so that the same files are not taken in again
        shutil.copy2(edition.folder / REQUEST, folder / REQUEST)
    place(lab, folder, manifest, account, report)
    return manifest.id


def _without_quotations(said: Any, texts: list[str]) -> Any:
    """A report in which nothing quotes any of the texts."""
    if isinstance(said, dict):
        return {name: _without_quotations(value, texts) for name, value in said.items()}
    if isinstance(said, list):
        return [_without_quotations(value, texts) for value in said]
    if isinstance(said, str):
        plain = " ".join(said.split()).strip("…“” ")
        return _GONE if len(plain) >= _QUOTED and any(plain in text for text in texts) else said
    return said


def check_found(lab: Path, words: tuple[str, ...], documents: int) -> None:
    """Raise `UserError` if nothing was found."""
    if not documents:
        known = sources_of(lab)
        more = f" and {len(known) - 8} more" if len(known) > 8 else ""
        raise UserError(
            f"{lab}: no document has the source or hash {', '.join(words)}; sources are: {', '.join(known[:8])}{more}"
        )
