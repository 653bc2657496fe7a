"""Real domains: `ASSAY_SHARED/corpora/*.jsonl.zst`, whose ids are `repository:path[#part]`."""

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
import zstandard

from assay.corpus.build import build_corpus
from assay.corpus.manifest import Manifest
from assay.corpus.sources import Source

from .helpers import rows, spans, stream

CORPORA = Path(os.environ.get("ASSAY_SHARED", Path(__file__).parents[3] / "shared")) / "corpora"


def _records(path: Path) -> list[dict[str, Any]]:
    with path.open("rb") as file:
        text = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8", newline="\n")
        return [json.loads(line) for line in text]


def _check(folder: Path, manifest: Manifest, names: tuple[str, ...]) -> None:
    table = rows(folder)
    for name in names:
        records = {record["id"]: record for record in _records(CORPORA / f"{name}.jsonl.zst")}
        mine = [row for row in table if row["domain"] == name]
        assert len({record["text"] for record in records.values()}) == len(mine)
        for row in mine:
            assert row["licence"] == records[row["id"]]["licence"]
            assert row["source"] == records[row["id"]]["source"]
        sides: dict[str, set[str]] = {}
        for row in mine:
            sides.setdefault(row["id"].partition("#")[0], set()).add(row["split"])
        assert all(len(side) == 1 for side in sides.values())
        domain = manifest.domains[name]
        assert 0.01 < domain.heldout.bytes / (domain.train.bytes + domain.heldout.bytes) < 0.12
        tokens = stream(folder, name)
        assert (tokens == 256).sum() == domain.train.documents
        first = next(row for row in mine if row["offset"] == 0 and row["shard"].endswith("-00000.bin"))
        assert bytes(tokens[: first["bytes"]].tolist()).decode() == records[first["id"]]["text"]
        assert sum(span["end"] - span["start"] for span in spans(folder) if span["domain"] == name) == 32 * 1024


@pytest.mark.skipif(not CORPORA.is_dir(), reason=f"real corpora are missing: no folder {CORPORA}")
def test_two_domains(tmp_path: Path) -> None:
    names = ("french", "code")
    manifest = build_corpus(tmp_path, [Source(name, str(CORPORA / f"{name}.jsonl.zst")) for name in names])
    _check(tmp_path / manifest.id, manifest, names)


@pytest.mark.slow
@pytest.mark.skipif(not CORPORA.is_dir(), reason=f"real corpora are missing: no folder {CORPORA}")
def test_all_domains(tmp_path: Path) -> None:
    names = tuple(sorted(path.name.removesuffix(".jsonl.zst") for path in CORPORA.glob("*.jsonl.zst")))
    manifest = build_corpus(tmp_path, [Source(name, str(CORPORA / f"{name}.jsonl.zst")) for name in names])
    _check(tmp_path / manifest.id, manifest, names)
