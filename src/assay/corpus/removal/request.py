"""What is to be removed."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
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

    @cached_property
    def hashes(self) -> tuple[str, ...]:
        """Words that may be beginnings of SHA-256 sums: 8 to 64 hex digits, in small letters."""
        return tuple(word.lower() for word in self.words if re.fullmatch(r"[0-9a-fA-F]{8,64}", word))

    @cached_property
    def sources(self) -> frozenset[str]:
        """All words, since a source may look like a hash: `20240131`."""
        return frozenset(self.words)

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
            if word == source or (word.lower() in self.hashes and any(h.startswith(word.lower()) for h in hashes))
        ]
