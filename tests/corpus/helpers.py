"""Small sources and an independent reading of a corpus folder."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq


def write_folder(folder: Path, count: int = 40, prefix: str = "file", words: int = 120) -> Path:
    """A folder of distinct text files, each of about `words` words."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        text = " ".join(f"{prefix}{number}-{word} größer" for word in range(words)) + "\n"
        (folder / f"{prefix}-{number:03}.txt").write_text(text, encoding="utf-8")
    return folder


def write_jsonl(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def rows(folder: Path) -> list[dict[str, Any]]:
    return pq.read_table(folder / "documents.parquet").to_pylist()


def stream(folder: Path, domain: str) -> np.ndarray:
    """The token stream of a domain, read without the package."""
    parts = [np.fromfile(path, dtype="<u2") for path in sorted((folder / "train").glob(f"{domain}-*.bin"))]
    return np.concatenate(parts)


def spans(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "spans.jsonl").read_text(encoding="utf-8").splitlines()]


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
