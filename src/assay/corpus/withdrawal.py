"""Tokenised corpora that hold text removed on request: which ones, and taking that text out of their folders."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq

from assay.corpus.editions.removal import Request
from assay.corpus.manifest import WITHDRAWN

#: What stays of a withdrawn corpus: nothing of it is text.
_KEPT = frozenset(("manifest.json", "tokenizer.json", "documents.parquet", WITHDRAWN))


def affected(corpora: Path, vault: Path, request: Request, hashes: set[str]) -> dict[str, int]:
    """How many documents that are meant each corpus holds, sealed ones counted, by the corpus' id.

    Args:
        hashes: of texts that are meant besides the request's own, in hex.
    """
    found: dict[str, int] = {}
    for path in sorted(corpora.glob("*/documents.parquet")):
        if path.parent.name.startswith(".") or (path.parent / WITHDRAWN).exists():
            continue
        table = pq.read_table(path, columns=["source", "hash"])
        rows = list(zip(table["source"].to_pylist(), table["hash"].to_pylist(), strict=True))
        sealed = vault / path.parent.name / "documents.jsonl"
        if sealed.is_file():
            records = map(json.loads, sealed.read_text(encoding="utf-8").splitlines())
            rows += [(record["source"], record["hash"]) for record in records]
        count = sum(
            source in request.sources or digest in hashes or digest.startswith(request.hashes or ("-",))
            for source, digest in rows
        )
        if count:
            found[path.parent.name] = count
    return found


def withdraw(folder: Path, vault: Path, reason: str) -> None:
    """Delete the text of a corpus: tokens, spans, views and sealed documents. Its manifest stays, for its runs.

    Args:
        vault: `vault/<corpus id>`; its record of queries stays.
        reason: one sentence, which whoever opens the corpus is told.
    """
    (folder / WITHDRAWN).write_text(reason + "\n", encoding="utf-8")
    for path in folder.iterdir():
        if path.name not in _KEPT:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in (*vault.glob("part-*.jsonl"), vault / "documents.jsonl"):
        path.unlink(missing_ok=True)
