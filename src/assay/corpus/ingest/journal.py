"""What an ingestion has finished, so that one that was killed goes on where it stopped."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Finished:
    """A shard that is complete and on disk. `pieces` counts those of the input up to its end."""

    name: str
    pieces: int
    documents: int
    bytes: int


class Journal:
    """Lines of JSON in `journal.jsonl`: first what was asked, then a line for each finished shard.

    Attributes:
        retrieved: date on which the ingestion began.
        finished: the shards, in order.
    """

    def __init__(self, path: Path, retrieved: str, finished: list[Finished]) -> None:
        self._path, self.retrieved, self.finished = path, retrieved, finished

    @classmethod
    def open(cls, folder: Path, asked: dict[str, Any], today: str) -> "Journal | None":
        """The journal in a folder; a new one in an empty folder; None if it belongs to another request."""
        path = folder / "journal.jsonl"
        asked = json.loads(json.dumps(asked))
        try:
            lines = path.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            lines = []
        whole = [json.loads(line) for line in lines if line.endswith(b"\n")]
        if not whole:
            if any(folder.iterdir()):
                return None
            journal = cls(path, today, [])
            journal._append({"asked": asked, "retrieved": today})
            return journal
        head, *rest = whole
        if head["asked"] != asked:
            return None
        if lines and not lines[-1].endswith(b"\n"):  # cut short by a kill
            path.write_bytes(b"".join(lines[:-1]))
        return cls(path, head["retrieved"], [Finished(**line) for line in rest])

    def add(self, shard: Finished) -> None:
        """Note that a shard is complete; it must be on disk."""
        self._append(asdict(shard))
        self.finished.append(shard)

    def _append(self, line: dict[str, Any]) -> None:
        with self._path.open("ab") as file:
            file.write(json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
