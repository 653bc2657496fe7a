"""A document's story over all editions of a lab."""

import json
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assay.corpus.editions.edition import OpenEdition, has_text, lineage, newest_edition
from assay.corpus.editions.entries import read_entry
from assay.corpus.editions.origin import Key, key_of, origin_of
from assay.corpus.editions.rows import open_rows
from assay.corpus.provenance.story import Chapter, DocumentStory, hash_prefix, is_called
from assay.corpus.removal.record import removed_documents
from assay.corpus.removal.request import ON_REQUEST
from assay.spec.errors import UserError

_NAMES = ["domain", "id", "hash", "text_hash"]


def find_in_lab(lab: Path, wanted: str) -> list[DocumentStory]:
    """The documents of a lab whose id is `wanted`, or whose hash, as they came in or in any edition, begins so.

    `DOMAIN:ID` is the document of that id in the domain. Of documents that were removed on request all is told but
    their text.

    Raises:
        UserError: there is none, or a file of an edition is damaged.
    """
    editions = list(lineage(newest_edition(lab)))[::-1] if has_text(lab) else []
    stories = _removed(lab, wanted)
    keys = {key for edition in editions for key in _asked(edition, wanted)}
    for edition in editions:
        for row, removed in _rows(edition, keys):
            story = stories.setdefault(key_of(row), _begin(row))
            story.chapters.append(_chapter(edition, row, removed, story.chapters))
    if not stories:
        raise UserError(f"{lab}: no document has the id '{wanted}', or a hash that begins so, in any edition")
    return list(stories.values())


def _removed(lab: Path, wanted: str) -> dict[Key, DocumentStory]:
    prefix = hash_prefix(wanted)
    stories: dict[Key, DocumentStory] = {}
    for request, date, each in removed_documents(lab):
        if is_called(wanted, each.domain, each.id) or (prefix and any(h.startswith(prefix) for h in each.hashes)):
            row = {**vars(each), "hash": bytes.fromhex(each.hash)}
            story = stories.setdefault(key_of(row), DocumentStory(**origin_of(row), extra={}))
            for number, passing in enumerate(each.passings):
                rules = (passing.removed_by,) if passing.removed_by else tuple(passing.taken)
                fate = "removed" if passing.removed_by else "changed" if rules else "kept" if number else "added"
                story.chapters.append(Chapter("", passing.step, fate, rules, "", passing.bytes, ""))
            detail = f"asked for as {', '.join(request.asks_for(each.source, each.hashes))} on {date}"
            detail += f", {request.reason}" if request.reason else ""
            story.chapters.append(Chapter("", "remove", "removed", (ON_REQUEST,), detail, 0, ""))
    return stories


def _asked(edition: OpenEdition, wanted: str) -> Iterator[Key]:
    prefix = hash_prefix(wanted)
    for path, side in _files(edition):
        if side == "removed" and edition.manifest.parent:
            continue  # all of them are in the edition before
        with open_rows(path) as file:
            for batch in _names(file):
                columns = (batch[name].to_pylist() for name in _NAMES)
                for domain, name, came, now in zip(*columns, strict=True):
                    if is_called(wanted, domain, name) or (
                        prefix and (came.hex().startswith(prefix) or now.hex().startswith(prefix))
                    ):
                        yield domain, name, came


def _rows(edition: OpenEdition, keys: Set[Key]) -> Iterator[tuple[dict[str, Any], bool]]:
    """The rows of some documents, and whether the edition removed them."""
    ids = pa.array([name for _, name, _ in keys], pa.string())
    for path, side in _files(edition):
        with open_rows(path) as file:
            for group, batch in enumerate(_names(file)):
                maybe = pc.is_in(batch["id"], ids)  # pyright: ignore[reportAttributeAccessIssue]
                if pc.any(maybe).as_py():  # pyright: ignore[reportAttributeAccessIssue]
                    for row in file.read_row_group(group, use_threads=False).filter(maybe).to_pylist():
                        if key_of(row) in keys:
                            yield row, side == "removed"


def _files(edition: OpenEdition) -> Iterator[tuple[Path, str]]:
    for side in ("kept", "removed"):
        for shard in edition.manifest.shards:
            yield edition.shard(shard.name, side), side


def _names(file: pq.ParquetFile) -> Iterator[pa.Table]:
    """A table of what names a document for each row group."""
    for group in range(file.num_row_groups):
        yield file.read_row_group(group, columns=_NAMES, use_threads=False)


def _begin(row: dict[str, Any]) -> DocumentStory:
    return DocumentStory(**origin_of(row), extra=json.loads(row["extra"]))


def _chapter(edition: OpenEdition, row: dict[str, Any], removed: bool, before: list[Chapter]) -> Chapter:
    step, size = edition.manifest.step, len(row["text"].encode())
    if removed:
        return Chapter(edition.id, step, "removed", (row["removed_by"],), row["detail"], size, row["text"])
    if not before or before[-1].fate == "removed":
        return Chapter(edition.id, step, "added", (), "", size, row["text"])
    if row["text"] == before[-1].text:
        return Chapter(edition.id, step, "kept", (), "", size, row["text"])
    entry = read_entry(step, row["steps"][-1])
    return Chapter(edition.id, step, "changed", tuple(entry.taken), entry.detail, size, row["text"])
