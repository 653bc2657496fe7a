"""What a step between bare files says of each document that it changed or removed, and on which line that stood.

Kept lines are those that went in, in their order, so this also tells which of them is which.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assay.corpus.records import json_lines
from assay.corpus.steps.bare_batch import BareBatch
from assay.corpus.steps.step import Judged

CHANGES = "changes"


def change_lines(batch: BareBatch, judged: Judged) -> bytes:
    """JSON lines: `line` (or row, from 1, of the file that went in), `id`, and `removed_by` or `changed_by`."""
    touched = sorted({*judged.removed, *judged.texts})
    if not touched:
        return b""
    names, numbers = batch.column("id"), batch.bounds[2]
    return b"".join(
        json.dumps({"line": int(numbers[row]), "id": names[row], **_done(batch, judged, row)}).encode() + b"\n"
        for row in touched
    )


def _done(batch: BareBatch, judged: Judged, row: int) -> dict[str, Any]:
    """What removed a document; else `changed_by`, the bytes that each rule took away, and what was seen."""
    if row in judged.removed:
        return {"removed_by": judged.removed[row]}
    shorter = int(batch.sizes[row]) - len(judged.texts[row].encode())
    return {"changed_by": judged.taken_by(row, shorter), "detail": judged.details.get(row, "")}


def read_changes(folder: Path, shard: str) -> Iterator[dict[str, Any]]:
    """What a step says of the documents of a file that went in."""
    path = folder / CHANGES / f"{shard}.jsonl.zst"
    if path.stat().st_size:
        yield from (entry for _, entry in json_lines(path))
