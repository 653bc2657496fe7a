"""What is to be removed."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

#: The rule under which accounts count such documents.
ON_REQUEST = "removed on request"


@dataclass(frozen=True)
class Request:
    """All documents of some sources, and those with texts of some hashes.

    Attributes:
        words: as they were given.
        reason: in a person's words; may be empty.
    """

    words: tuple[str, ...]
    reason: str = ""

    @property
    def hashes(self) -> tuple[str, ...]:
        """Words that are beginnings of SHA-256 sums: 8 to 64 hex digits."""
        return tuple(word for word in self.words if re.fullmatch(r"[0-9a-f]{8,64}", word))

    @property
    def sources(self) -> frozenset[str]:
        """All other words."""
        return frozenset(self.words) - set(self.hashes)

    def rows(self, table: Any) -> np.ndarray:
        """The rows of an edition that are meant, (rows,) bool. Columns: `source`, `hash`, `text_hash`."""
        meant = np.array([source in self.sources for source in table["source"].to_pylist()], bool)
        if self.hashes:
            for name in ("hash", "text_hash"):
                meant |= [digest.hex().startswith(self.hashes) for digest in table[name].to_pylist()]
        return meant

    def asks_for(self, source: str, hashes: Collection[str]) -> Sequence[str]:
        """The words that mean a document."""
        return [
            word
            for word in self.words
            if word == source or (word in self.hashes and any(h.startswith(word) for h in hashes))
        ]
