"""A sample of the documents of each domain, drawn by number: the same for any batches in any order."""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

#: Of a domain: documents, and bytes of them.
MOST_DOCUMENTS = 2000
MOST_BYTES = 2 << 20
#: Of a document; of a longer one its beginning is taken.
LONGEST = 64 << 10


@dataclass(frozen=True, order=True)
class Sampled:
    """A document of the sample.

    Attributes:
        drawn: the number that it drew; those that draw lowest are in.
        number: of the document in the whole input.
        size: bytes of the whole text.
        text: its beginning, at most `LONGEST` bytes.
    """

    drawn: int
    number: int
    domain: str = field(compare=False)
    id: str = field(compare=False)
    group: str = field(compare=False)
    size: int = field(compare=False)
    text: str = field(compare=False)


@dataclass
class Sample:
    """Takes documents batch by batch and keeps those of each domain that draw lowest, as many as there is room for."""

    seed: int = 0
    most_documents: int = MOST_DOCUMENTS
    most_bytes: int = MOST_BYTES
    domains: dict[str, list[Sampled]] = field(default_factory=dict)
    _bytes: dict[str, int] = field(default_factory=dict)
    _bound: dict[str, int] = field(default_factory=dict)  # the lowest draw that there was no room for

    def wants(self, numbers: np.ndarray, domains: Sequence[str]) -> np.ndarray:
        """Rows of a batch that may be in the sample, by the numbers of the documents, (N,), and their domains."""
        drawn = draw(numbers, self.seed)
        limits = {name: self._limit(name) for name in set(domains)}
        bounds = np.array([limits[name] for name in domains], np.uint64)
        return np.flatnonzero(drawn < bounds)

    def add(self, number: int, domain: str, name: str, group: str, text: bytes) -> None:
        """Take a document, if there is room for what it draws."""
        drawn = int(draw(np.array([number]), self.seed)[0])
        if drawn >= self._limit(domain):
            return
        start = text[:LONGEST].decode(errors="ignore")  # the cut may be inside a character
        documents = self.domains.setdefault(domain, [])
        bisect.insort(documents, Sampled(drawn, number, domain, name, group, len(text), start))
        self._bytes[domain] = self._bytes.get(domain, 0) + min(len(text), LONGEST)
        # What remains is the longest beginning of the drawn order that there is room for, whatever came first.
        while len(documents) > 1 and (len(documents) > self.most_documents or self._bytes[domain] > self.most_bytes):
            last = documents.pop()
            self._bytes[domain] -= min(last.size, LONGEST)
            self._bound[domain] = last.drawn

    def _limit(self, domain: str) -> int:
        return self._bound.get(domain, (1 << 64) - 1)

    def within(self, most_bytes: int) -> list[Sampled]:
        """Documents by domain, in the order drawn; where they are more, the domains share the bytes evenly."""
        room = most_bytes // max(1, len(self.domains))
        found: list[Sampled] = []
        for name in sorted(self.domains):
            ends = np.cumsum([min(each.size, LONGEST) for each in self.domains[name]])
            found += self.domains[name][: max(1, int(np.searchsorted(ends, room, side="right")))]
        return found


def draw(numbers: np.ndarray, seed: int) -> np.ndarray:
    """What documents draw, (N,) uint64: the finaliser of SplitMix64 (Steele et al. 2014) over number and seed."""
    x = numbers.astype(np.uint64) + np.uint64((seed * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) % (1 << 64))
    with np.errstate(over="ignore"):
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
