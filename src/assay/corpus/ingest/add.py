"""Takes text into a lab: the documents of the newest edition and those of some sources are the next one.

Documents go into shards of `SHARD_BYTES`; each that is finished is noted with the place in the input, so that an
ingestion that was killed goes on after the last one and ends in the same bytes.
"""

import os
import shutil
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from assay.corpus.bad import BadDocument
from assay.corpus.documents import Source
from assay.corpus.editions.edition import TEXT, Edition, OpenEdition, ShardFiles, has_text, newest_edition, publish
from assay.corpus.editions.lock import making_edition
from assay.corpus.editions.reshard import reshard
from assay.corpus.editions.rows import REMOVED, SCHEMA, RowsWriter, leaves
from assay.corpus.editions.taken import TakenSource, TakenSources, edition_with
from assay.corpus.ingest.earlier import EarlierKeys
from assay.corpus.ingest.journal import Finished, Journal
from assay.corpus.ingest.locations import fingerprint, shards_of
from assay.corpus.ingest.rows import rows_of
from assay.corpus.licences.policy import Terms
from assay.corpus.merkle import MerkleTree
from assay.corpus.steps.account import Account, Amount
from assay.corpus.steps.bare_batch import BarePiece
from assay.corpus.steps.bare_input import BareInput
from assay.corpus.steps.engine import Progress, cpu_seconds
from assay.corpus.steps.facts import Facts
from assay.corpus.steps.pool import ordered
from assay.corpus.steps.step import Judged
from assay.corpus.steps.tally import Tally, tally
from assay.corpus.workfolder import sync
from assay.spec.base import canonical_json, sha256_text
from assay.spec.errors import UserError
from assay.spec.lab import LicencePolicy

SHARD_BYTES = 256 << 20
STEP = "add"


@dataclass(frozen=True)
class Intake:
    """What is to be taken in.

    Attributes:
        sources: by domain; several may have the same.
        licence: of documents that name none; '': unknown.
        shards: into how many the new edition is cut; None: those there are, and one for each `SHARD_BYTES`.
        skip_bad: pass over what is no document, and count it.
        policy: which licences documents may have.
    """

    sources: tuple[Source, ...]
    licence: str = ""
    shards: int | None = None
    skip_bad: bool = False
    policy: LicencePolicy = field(default_factory=LicencePolicy)

    @property
    def terms(self) -> Terms:
        return Terms(self.licence, self.policy)


def add(lab: Path, intake: Intake, *, workers: int = 1, progress: Progress | None = None) -> tuple[Account, str]:
    """Make the edition with some more text; what was taken in, and the edition's id.

    Of what was taken in before, by the same request, nothing is taken again: the account is empty, and the edition the
    one that holds it.

    Raises:
        UserError: a source cannot be read, or holds what is no document. The lab is left as it was.
    """
    if not intake.sources:
        raise UserError("nothing to add; write for example prose=./books")
    if intake.shards is not None and intake.shards < 1:
        raise UserError(f"--shards {intake.shards}: give a whole number from 1")
    found = [shards_of(source) for source in intake.sources]
    files = [shard for shards in found for shard in shards]
    taken = TakenSources(sources=tuple(
        TakenSource(domain=source.name, files=fingerprint(shards), licence=intake.licence, skip_bad=intake.skip_bad)
        for source, shards in zip(intake.sources, found, strict=True)
    ))  # fmt: skip
    with making_edition(lab):
        parent = newest_edition(lab) if has_text(lab) else None
        if parent and (before := edition_with(taken, parent)):
            return Account(step=STEP), before
        asked = {
            "parent": parent.id if parent else "", "licence": intake.licence, "skip_bad": intake.skip_bad,
            "policy": intake.policy.model_dump(mode="json"),
            "sources": [[source.name, source.location] for source in intake.sources],
        }  # fmt: skip
        folder = lab / TEXT / f".add-{sha256_text(canonical_json(asked))[:16]}"
        journal = _journal(folder, {**asked, "files": fingerprint(files)})
        source = BareInput(
            files,
            folder / "facts",
            skip_bad=intake.skip_bad,
            earlier=EarlierKeys(parent) if parent else (),
            terms=intake.terms,
        )
        try:
            account = _take_in(source, journal, folder, intake, workers, progress)
            edition = _publish(lab, parent, folder, journal, intake, account, taken)
        except BadDocument:  # of other troubles it may go on
            shutil.rmtree(folder)
            raise
        for left in (lab / TEXT).glob(".add-*"):  # of requests that nobody made again
            shutil.rmtree(left)
        return account, edition


def _journal(folder: Path, asked: dict[str, Any]) -> Journal:
    today = datetime.now(UTC).date().isoformat()
    folder.mkdir(exist_ok=True)
    journal = Journal.open(folder, asked, today)
    if journal is None:
        shutil.rmtree(folder)
        folder.mkdir()
        journal = Journal.open(folder, asked, today)
    assert journal is not None
    return journal


def _take_in(
    source: BareInput, journal: Journal, folder: Path, intake: Intake, workers: int, progress: Progress | None
) -> Account:
    wall, cpu = time.monotonic(), cpu_seconds()
    known = all(shard.size for shard in source.shards)  # data sets that are streamed may not say
    total = source.size * (source.passes + 1) if known else None

    def report(done: int, before: int, message: str) -> None:
        if progress:
            progress(before + done, total, message)

    source.prepare(workers, lambda done: report(done, 0, "looking for bad documents"))
    shards = _Shards(folder / "kept", journal)
    first = journal.finished[-1].pieces if journal.finished else 0
    pieces = (piece for piece in source.pieces() if piece.index >= first)
    for index, done, table in ordered(partial(_rows, journal.retrieved, intake.terms), pieces, workers):
        shards.write(table, index + 1)
        report(done, source.size * source.passes, "reading")
    source.check()
    shards.close()
    counts = Tally()
    for arrays in source.facts:
        facts = Facts.of(arrays)
        counts.add(tally(facts.sizes, facts.domains, facts.names, Judged()))
    for each in intake.sources:
        if each.name not in counts.into:
            passed = ", ".join(f"{number} {kind}" for kind, number in sorted(source.bad.items()))
            passed = f"; passed over: {passed}" if passed else ""
            raise BadDocument("empty", f"{each.location}: nothing to take for domain '{each.name}'{passed}")
    return counts.account(STEP, source.bad, source.other_files, time.monotonic() - wall, cpu_seconds() - cpu)


def _rows(retrieved: str, terms: Terms, piece: BarePiece) -> tuple[int, int, pa.Table]:
    return piece.index, piece.done, rows_of(piece.load(), terms, retrieved)


class _Shards:
    """Writes rows into one shard after the other, each of which ends with a piece of the input."""

    def __init__(self, folder: Path, journal: Journal) -> None:
        self._folder, self._journal = folder, journal
        folder.mkdir(exist_ok=True)
        self._writer: RowsWriter | None = None
        self._pieces = 0

    def write(self, table: pa.Table, pieces: int) -> None:
        """Write the rows of a piece, with which so many of the input are done."""
        self._pieces = pieces
        if not len(table):
            return
        if self._writer is None:
            self._writer = RowsWriter(self._folder / ".unfinished", SCHEMA)
        self._writer.write(table)
        if self._writer.bytes >= SHARD_BYTES:
            self.close()

    def close(self) -> None:
        """Finish the shard that is being written, if one is."""
        if self._writer is None:
            return
        self._writer.close()
        name = f"{len(self._journal.finished):05}"
        sync(self._folder / ".unfinished")
        (self._folder / ".unfinished").replace(self._folder / f"{name}.parquet")
        sync(self._folder)
        self._journal.add(Finished(name, self._pieces, self._writer.documents, self._writer.bytes))
        self._writer = None


def _publish(
    lab: Path,
    parent: OpenEdition | None,
    folder: Path,
    journal: Journal,
    intake: Intake,
    account: Account,
    taken: TakenSources,
) -> str:
    """Put the parent's shards and the new ones together as an edition."""
    whole = folder / "edition"
    shutil.rmtree(whole, ignore_errors=True)
    (whole / "kept").mkdir(parents=True)
    before = list(parent.manifest.shards) if parent else []
    paths = [parent.shard(shard.name) for shard in before] if parent else []
    paths += [folder / "kept" / f"{shard.name}.parquet" for shard in journal.finished]
    if intake.shards is not None:
        sizes = reshard(paths, whole / "kept", intake.shards)
    else:
        sizes = [(shard.documents, shard.bytes) for shard in (*before, *journal.finished)]
        for number, path in enumerate(paths):
            os.link(path, whole / "kept" / f"{number:05}.parquet")
    shards = []
    for number, (documents, size) in enumerate(sizes):
        RowsWriter(whole / "removed" / f"{number:05}.parquet", REMOVED).close()
        shards.append(ShardFiles(name=f"{number:05}", documents=documents, bytes=size, removed=0))
    tree = MerkleTree()
    for shard in shards:
        with pq.ParquetFile(whole / "kept" / f"{shard.name}.parquet") as file:
            columns = ["id", "domain", "source", "licence", "text_hash"]
            for batch in file.iter_batches(columns=columns, use_threads=False):
                tree.extend(leaves(batch))
    domains = dict(parent.manifest.domains) if parent else {}
    for name, flow in account.domains.items():
        domains[name] = domains.get(name, Amount()) + flow.out
    manifest = Edition(
        step=STEP,
        parameters={
            "sources": [{"domain": source.name, "location": source.location} for source in intake.sources],
            "licence": intake.licence, "skip_bad": intake.skip_bad,
        },
        parent=parent.id if parent else "", root=tree.root(), removed_root=MerkleTree().root(),
        documents=sum(shard.documents for shard in shards), bytes=sum(shard.bytes for shard in shards),
        domains=domains, tool=f"assay {version('assay')}", shards=tuple(shards),
    )  # fmt: skip
    taken.write(whole)
    publish(lab, whole, manifest, account, {})
    return manifest.id
