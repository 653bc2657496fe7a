"""Tokenised corpora that hold text removed on request: which ones, and taking that text out of their folders."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from assay.corpus.editions.edition import OpenEdition
from assay.corpus.manifest import WITHDRAWN, is_withdrawn
from assay.corpus.removal.request import Request
from assay.corpus.removal.trace import Traced
from assay.corpus.workfolder import sync

VIEWS = "views"
#: What stays of a withdrawn corpus or view: nothing of it is text, and runs can still be sampled and exported.
_KEPT = frozenset(("manifest.json", "tokenizer.json", "documents.parquet", WITHDRAWN, VIEWS))
_NAMES = ("id", "source", "licence")


def affected(corpora: Path, vault: Path, request: Request, hashes: set[str]) -> dict[str, list[Traced]]:
    """The documents that are meant of each corpus, sealed ones too, by the corpus' id.

    Args:
        hashes: of texts that are meant besides the request's own, in hex.
    """
    found: dict[str, list[Traced]] = {}
    for path in sorted(corpora.glob("*/documents.parquet")):
        if path.parent.name.startswith(".") or _is_clear(path.parent):
            continue
        rows = pq.read_table(path, columns=["id", "domain", "source", "licence", "hash"]).to_pylist()
        sealed = vault / path.parent.name / "documents.jsonl"
        if sealed.is_file():
            rows += map(json.loads, sealed.read_text(encoding="utf-8").splitlines())
        meant = [
            Traced(row["id"], row["domain"], row["source"], row["licence"], "", "", row["hash"], {row["hash"]})
            for row in rows
            if row["hash"] in hashes or request.asks_for(row["source"], (row["hash"],))
        ]
        if meant:
            found[path.parent.name] = meant
    return found


def _is_clear(folder: Path) -> bool:
    """Whether the text of a corpus was deleted already, all of it."""
    return is_withdrawn(folder) and {path.name for path in folder.iterdir()} <= _KEPT


def withdraw(folder: Path, vault: Path, reason: str) -> None:
    """Delete the text of a corpus: tokens, spans, sealed documents, and that of its views.

    Manifests and tokenizers stay, for its runs.

    Args:
        vault: `vault/<corpus id>`; its record of queries stays.
        reason: one sentence, which whoever opens the corpus is told.
    """
    for each in (*sorted((folder / VIEWS).glob("*")), folder):
        (each / WITHDRAWN).write_text(reason + "\n", encoding="utf-8")
        for path in each.iterdir():
            if path.name not in _KEPT:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in (*vault.glob("part-*.jsonl"), vault / "documents.jsonl"):
        path.unlink(missing_ok=True)


def rename_copies(folder: Path, edition: OpenEdition, request: Request) -> int:
    """Give documents that were removed, but whose text others have too, the names of these; how many they are.

    Args:
        folder: of a corpus, whose views are done too.
        edition: where the others are.
    """
    table = pq.read_table(folder / "documents.parquet")
    stale = {row["hash"]: (row["domain"], row["id"]) for row in table.to_pylist() if row["source"] in request.sources}
    names: dict[tuple[str, str], dict[str, Any]] = {}
    for shard in edition.manifest.shards if stale else ():
        for row in pq.read_table(edition.shard(shard.name), columns=["text_hash", *_NAMES]).to_pylist():
            place = stale.get(row["text_hash"].hex())
            if place is not None:
                names.setdefault(place, row)
    for each in (folder, *sorted((folder / VIEWS).glob("*"))) if names else ():
        _rename(each / "documents.parquet", names)
    return len(names)


def _rename(path: Path, names: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
    table = pq.read_table(path)
    rows = [{**row, **_only(names.get((row["domain"], row["id"]), {}))} for row in table.to_pylist()]
    temporary = path.with_name(f".tmp-{path.name}")
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), temporary, compression="zstd")
    sync(temporary)
    temporary.replace(path)


def _only(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _NAMES if name in row}
