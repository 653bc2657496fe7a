"""The token stream of a domain on disk: files of raw tokens, each closed before the document that would not fit."""

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np


class Shards:
    """Writes the shards of a domain. Use `write` for each document, then `close`.

    Attributes:
        tokens: in all shards so far.
        names: of the shards, as paths in the corpus folder.
    """

    def __init__(self, folder: Path, domain: str, shard_bytes: int, kind: np.dtype[Any]) -> None:
        self._folder, self._domain, self._kind = folder, domain, kind
        self._most = shard_bytes // kind.itemsize
        self._file: BinaryIO | None = None
        self._length = 0
        self.tokens = 0
        self.names: list[str] = []

    def write(self, tokens: np.ndarray) -> tuple[str, int, int]:
        """Append a document, end of text included; returns shard, offset in it in tokens, and tokens written."""
        if self._file is None or self._length + len(tokens) > self._most:
            self.close()
            self.names.append(f"train/{self._domain}-{len(self.names):05}.bin")
            self._file, self._length = open_new(self._folder / self.names[-1]), 0
        self._file.write(tokens.astype(self._kind, copy=False).tobytes())
        offset = self._length
        self._length += len(tokens)
        self.tokens += len(tokens)
        return self.names[-1], offset, len(tokens)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def open_new(path: Path) -> BinaryIO:
    """A new file to write to."""
    return path.open("xb")
