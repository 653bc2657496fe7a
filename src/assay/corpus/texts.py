"""Many texts in one buffer, as Arrow lays them out, so that numpy can look at all of them at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class Texts:
    """N texts as UTF-8.

    Attributes:
        data: (bytes,) uint8, one text after the other.
        offsets: (N+1,) int64; text i is `data[offsets[i]:offsets[i + 1]]`.
    """

    data: np.ndarray
    offsets: np.ndarray

    @classmethod
    def of(cls, texts: Any) -> "Texts":
        """Of a sequence of strings, or of an Arrow array of large strings without copying it."""
        if not isinstance(texts, pa.Array):  # by hand, since Arrow imports pandas before it looks at a list
            encoded = [text.encode() for text in texts]
            bounds = np.zeros(len(encoded) + 1, np.int64)
            np.cumsum([len(text) for text in encoded], out=bounds[1:])
            return cls(np.frombuffer(b"".join(encoded), np.uint8), bounds)
        array: Any = texts.cast(pa.large_string())
        _, offsets, data = array.buffers()
        bounds = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
        return cls(np.frombuffer(data or b"", np.uint8), bounds if len(bounds) else np.zeros(1, np.int64))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[str]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, i: int) -> str:
        return self.bytes(i).decode()

    def bytes(self, i: int) -> bytes:
        """Text i as UTF-8."""
        return self.data[self.offsets[i] : self.offsets[i + 1]].tobytes()

    def take(self, rows: np.ndarray) -> "Texts":
        """Some of them, by their numbers in ascending order."""
        if len(rows) == len(self):
            return self
        parts = [self.bytes(i) for i in rows.tolist()]
        bounds = np.concatenate(([0], np.cumsum([len(part) for part in parts]))).astype(np.int64)
        return Texts(np.frombuffer(b"".join(parts), np.uint8), bounds)

    @property
    def sizes(self) -> np.ndarray:
        """Bytes of each text, (N,)."""
        return np.diff(self.offsets)
