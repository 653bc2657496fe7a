"""Writing editions again as if some documents had never come in.

They get new ids, since their roots change; the old ones are deleted. What a step decided because of a document that is
gone, such as removing a copy of it, stays decided.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

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
from assay.corpus.editions.rows import REMOVED, SCHEMA, RowsWriter, leaves
from assay.corpus.editions.taken import TAKEN
from assay.corpus.merkle import MerkleTree
from assay.corpus.removal.accounts import Leaving, corrected
from assay.corpus.removal.quotations import Quotations
from assay.corpus.removal.reading import Reading, files_of
from assay.corpus.removal.request import Request
from assay.corpus.steps.account import Amount
from assay.corpus.steps.engine import Progress
from assay.corpus.workfolder import work_folder


def editions_of(lab: Path) -> tuple[list[OpenEdition], list[OpenEdition]]:
    """The editions of a lab that led to its newest one, from the first; and those apart from this line."""
    line = list(lineage(newest_edition(lab)))[::-1]
    known = {edition.id for edition in line}
    folders = sorted(path.parent for path in (lab / TEXT).glob(f"*/{MANIFEST}"))
    others = [folder for folder in folders if folder.name not in known and not folder.name.startswith(".")]
    return line, [OpenEdition(folder) for folder in others]


def rewrite(
    lab: Path,
    line: Sequence[OpenEdition],
    request: Request,
    leaving: Mapping[str, Sequence[Leaving]],
    quotations: Quotations,
    progress: Progress | None = None,
) -> dict[str, str]:
    """Write a line of editions without some documents and start from its end; new ids by old ones.

    Nothing is deleted.

    Args:
        leaving: the documents that leave each edition.
    """
    renamed: dict[str, str] = {}
    first = next((number for number, edition in enumerate(line) if edition.id in leaving), len(line))
    reading = Reading(files_of(line[first:]), "writing editions again", progress)
    for edition in line[first:]:
        parent = renamed.get(edition.manifest.parent, edition.manifest.parent)
        with work_folder(lab / TEXT) as work:
            gone = leaving.get(edition.id, ())
            renamed[edition.id] = _write_again(lab, edition, parent, request, gone, quotations, work, reading)
    start_from(lab, renamed.get(line[-1].id, line[-1].id))
    return renamed


def sweep(folder: Path) -> None:
    """Delete half-done work, which may hold any text, from a folder. No other process works there."""
    for path in folder.glob(".*"):
        if path.is_dir():
            shutil.rmtree(path)


def _write_again(
    lab: Path,
    edition: OpenEdition,
    parent: str,
    request: Request,
    gone: Sequence[Leaving],
    quotations: Quotations,
    work: Path,
    reading: Reading,
) -> str:
    folder = work / "edition"
    trees = {"kept": MerkleTree(), "removed": MerkleTree()}
    shards = []
    domains: dict[str, Amount] = {}
    for shard in edition.manifest.shards:
        sizes: dict[str, tuple[int, int]] = {}
        for side, schema in (("kept", SCHEMA), ("removed", REMOVED)):
            writer = RowsWriter(folder / side / f"{shard.name}.parquet", schema)
            for file, group in reading.groups(edition.shard(shard.name, side)):
                table = file.read_row_group(group, use_threads=False)
                meant = request.rows(table)
                rest = table.filter(pa.array(~meant)) if meant.any() else table
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
    report = edition.report()
    before = report.get("removed_on_request", 0)
    report = {**quotations.without(report), "removed_on_request": before + len(gone)}
    account = corrected(edition.account(), gone)
    account = account.model_copy(update={"report": quotations.without(account.report)})
    if (edition.folder / TAKEN).is_file():  # so that the same files are not taken in again
        shutil.copy2(edition.folder / TAKEN, folder / TAKEN)
    place(lab, folder, manifest, account, report)
    return manifest.id
