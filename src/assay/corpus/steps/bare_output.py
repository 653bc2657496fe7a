"""Bare files as the output of a step: a file of JSON lines with what is kept, or a folder with what is removed too."""

import gzip
import hashlib
import json
import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import zstandard
from pydantic import Field

from assay.corpus.merkle import MerkleTree, document_leaf
from assay.corpus.steps.account import Account
from assay.corpus.steps.bare_batch import BareBatch
from assay.corpus.steps.changes import CHANGES, change_lines
from assay.corpus.steps.engine import Story
from assay.corpus.steps.step import Judged
from assay.corpus.workfolder import sync, sync_tree
from assay.spec.base import Frozen
from assay.spec.errors import UserError

SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst")
MANIFEST = "manifest.json"


class BareManifest(Frozen):
    """`manifest.json` of a folder that a step wrote: what was done to what, and what came out."""

    step: str
    parameters: dict[str, Any]
    tool: str
    input: str = Field(description="path of what went in, from this folder")
    input_root: str = Field(default="", description="root of what went in, where a step wrote that too")
    root: str = Field(description="Merkle root over the documents kept, in order (RFC 6962)")
    documents: int
    bytes: int
    account: Account
    report: dict[str, Any]


def read_manifest(folder: Path) -> BareManifest | None:
    """The manifest of a folder that a step wrote; None where there is none."""
    try:
        data = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(data, dict) or not {"step", "root", "input"} <= set(data):
        return None
    return BareManifest.parse(data, str(folder / MANIFEST))


class BareFile:
    """The documents that are kept, in one file of JSON lines."""

    def __init__(self, path: Path, source: Path, overwrite: bool) -> None:
        self._path, self._source, self._overwrite = path, source, overwrite

    def open(self, work: Path, shards: Sequence[str]) -> None:  # noqa: ARG002 - all shards in one file
        self._file = (work / "kept").open("wb")

    def part(self, batch: BareBatch, judged: Judged) -> bytes:
        return packed(kept_lines(batch, judged), self._path.name)

    def write(self, shard: int, part: bytes) -> None:  # noqa: ARG002
        self._file.write(part)

    def publish(self, story: Story) -> None:  # noqa: ARG002
        if not self._file.tell():
            self._file.write(compressed(b"", self._path.name))  # so that other programs can read it too
        self._file.close()
        written = Path(self._file.name)
        sync(written)
        check_output(self._source, self._path, folder=False, overwrite=self._overwrite)  # it may be there by now
        written.replace(self._path)
        sync(self._path.absolute().parent)


class BareFolder:
    """`kept/`, `removed/` and `changes/` with one file for each of the input, and a manifest."""

    def __init__(self, path: Path, source: Path, overwrite: bool) -> None:
        self._path, self._source, self._overwrite = path, source, overwrite

    def open(self, work: Path, shards: Sequence[str]) -> None:
        self._folder, self._replaced = work / "out", work / "replaced"
        self._files: list[list[Path]] = []
        for shard in shards:
            paths = [self._folder / side / f"{shard}.jsonl.zst" for side in ("kept", "removed", CHANGES)]
            for path in paths:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"")
            self._files.append(paths)
        self._tree = MerkleTree()

    def part(self, batch: BareBatch, judged: Judged) -> tuple[list[bytes], list[bytes]]:
        columns = [batch.column(name) for name in ("domain", "id", "source", "licence")]
        leaves = []
        for row, fields in enumerate(zip(*columns, strict=True)):
            if row not in judged.removed:
                text = judged.texts[row].encode() if row in judged.texts else batch.texts.bytes(row)
                leaves.append(document_leaf(hashlib.sha256(text).digest(), *fields))
        sides = kept_lines(batch, judged), removed_lines(batch, judged), change_lines(batch, judged)
        return [packed(lines, ".zst") for lines in sides], leaves

    def write(self, shard: int, part: tuple[list[bytes], list[bytes]]) -> None:
        contents, leaves = part
        for path, content in zip(self._files[shard], contents, strict=True):
            with path.open("ab") as file:
                file.write(content)
        self._tree.extend(leaves)

    def publish(self, story: Story) -> None:
        before = read_manifest(self._source)
        account = story.account
        manifest = BareManifest(
            step=story.step, parameters=story.parameters, tool=f"assay {version('assay')}",
            input=os.path.relpath(self._source, self._path),
            input_root=before.root if before else "", root=self._tree.root(), documents=account.out.documents,
            bytes=account.out.bytes, account=account, report=story.report,
        )  # fmt: skip
        text = manifest.model_dump_json(indent=2, by_alias=True) + "\n"
        (self._folder / MANIFEST).write_text(text, encoding="utf-8")
        sync_tree(self._folder)
        check_output(self._source, self._path, folder=True, overwrite=self._overwrite)  # it may be there by now
        if self._path.exists():  # empty, or an earlier result, which must not be seen half deleted
            self._path.rename(self._replaced)
        self._folder.rename(self._path)
        sync(self._path.absolute().parent)


def kept_lines(batch: BareBatch, judged: Judged) -> bytes:
    """The lines of the documents that are kept; those of unchanged documents byte for byte."""
    raw = batch.lines.raw
    starts, ends, _ = batch.bounds
    if not judged.removed and not judged.texts and int((ends - starts).sum()) == len(raw):
        return raw
    lines = [
        _changed_line(raw[start:end], judged.texts[row]) if row in judged.texts else raw[start:end]
        for row, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True))
        if row not in judged.removed
    ]
    return b"".join(lines)


def removed_lines(batch: BareBatch, judged: Judged) -> bytes:
    """The lines of the documents that are removed, with `removed_by`, `detail`, and a `hash` where they have no id."""
    starts, ends, _ = batch.bounds
    return b"".join(
        _line({
            **_named(json.loads(batch.lines.raw[starts[row] : ends[row]])),
            "removed_by": judged.removed[row], "detail": judged.details.get(row, ""),
        })
        for row in sorted(judged.removed)
    )  # fmt: skip


def _named(record: dict[str, Any]) -> dict[str, Any]:
    """A record by which `assay corpus show` finds the document: its own, with the hash of its text if it has no id."""
    if record.get("id") is not None:
        return record
    return {"hash": hashlib.sha256(record["text"].encode(errors="replace")).hexdigest(), **record}


def _changed_line(line: bytes, text: str) -> bytes:
    return _line({**json.loads(line), "text": text})


def _line(record: dict[str, Any]) -> bytes:
    # Python's own reader and writer keep numbers of any length as they are, which faster ones do not.
    try:
        return json.dumps(record, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:  # half of a surrogate pair in some other field
        return json.dumps(record).encode() + b"\n"


def packed(lines: bytes, name: str) -> bytes:
    """Lines compressed as the end of a name says, nothing for none; such pieces one after the other are a file."""
    return compressed(lines, name) if lines else b""


def compressed(lines: bytes, name: str) -> bytes:
    """Lines compressed as the end of a name says."""
    if name.lower().endswith(".gz"):
        return gzip.compress(lines, 6, mtime=0)
    is_zstd = name.lower().endswith(".zst")
    return zstandard.ZstdCompressor(write_content_size=True).compress(lines) if is_zstd else lines


def check_output(source: Path, path: Path, *, folder: bool, overwrite: bool) -> None:
    """Raise `UserError` if a result may not be written there: over the input, or over what is not to be replaced."""
    if path.exists() and path.samefile(source):
        raise UserError(f"{path}: this is the input too; choose another name for what comes out")
    if source.is_dir() and source.resolve() in path.resolve().parents:
        raise UserError(f"{path}: this is inside the input, {source}; choose a place outside of it")
    if path.resolve() in source.resolve().parents:
        raise UserError(f"{path}: the input, {source}, is inside it; choose another name for what comes out")
    if not folder and path.is_dir():
        raise UserError(f"{path} is a folder; choose another name for the file")
    if not os.path.lexists(path) or (folder and path.is_dir() and not any(path.iterdir())):
        return
    if folder and read_manifest(path) is None:
        raise UserError(f"{path} exists and no step wrote it; choose a new folder")
    if not overwrite:
        raise UserError(f"{path} exists; choose another name for what comes out, or replace it with --overwrite")
