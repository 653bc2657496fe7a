"""What a report and a reason need to know of single documents: id, domain, size and how they begin."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from assay.corpus.steps.step import Batch, Survey
from assay.spec.base import Frozen

BEGINNING = 160  # bytes


class Card(Frozen):
    """A document in a report."""

    id: str
    domain: str
    bytes: int
    beginning: str

    @property
    def name(self) -> str:
        return f"{self.domain}:{self.id}" if self.domain else self.id


def cards_of(batch: Batch, places: Sequence[int] | np.ndarray) -> Survey:
    """Cards of some documents of a batch, packed into arrays."""
    ids, domains = batch.column("id"), batch.column("domain")
    offsets, data = batch.texts.offsets, batch.texts.data.data
    places = np.asarray(places, np.int64)
    begins, ends = offsets[places], offsets[places + 1]
    packed: list[bytes | memoryview] = []
    for place, begin, end in zip(map(int, places), begins.tolist(), ends.tolist(), strict=True):
        packed += (ids[place].encode(), domains[place].encode(), data[begin : min(end, begin + BEGINNING)])
    return {
        "cards": np.frombuffer(b"".join(packed), np.uint8),
        "card_pieces": np.fromiter(map(len, packed), np.int64, len(packed)),
        "card_sizes": ends - begins,
    }


class Column:
    """An array on disk that grows at its end."""

    def __init__(self, path: Path, kind: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._kind = path, np.dtype(kind)
        self._file = path.open("wb")

    def append(self, values: np.ndarray) -> None:
        self._file.write(np.ascontiguousarray(values, self._kind).data)

    def array(self) -> np.ndarray:
        """All of it, mapped into memory."""
        self._file.close()
        if not self._path.stat().st_size:
            return np.empty(0, self._kind)
        return np.asarray(np.memmap(self._path, self._kind, mode="r"))  # slices of a memmap itself are slow to make


@dataclass(frozen=True)
class Cards:
    """Cards of N documents on disk.

    Attributes:
        sizes: (N,) bytes of each document.
    """

    data: np.ndarray
    offsets: np.ndarray
    sizes: np.ndarray

    def __getitem__(self, place: int) -> Card:
        bounds = self.offsets[3 * place : 3 * place + 4].tolist()
        pieces = [self.data[a:b].tobytes().decode(errors="ignore") for a, b in pairwise(bounds)]
        return Card(id=pieces[0], domain=pieces[1], bytes=int(self.sizes[place]), beginning=pieces[2])


class CardFile:
    """Where cards of surveys are gathered."""

    def __init__(self, folder: Path) -> None:
        self._data, self._pieces = Column(folder / "cards", "u1"), Column(folder / "card-pieces", "<i8")
        self._sizes = Column(folder / "card-sizes", "<i8")

    def append(self, survey: Survey) -> None:
        """Add the cards of a survey."""
        self._data.append(survey["cards"])
        self._pieces.append(survey["card_pieces"])
        self._sizes.append(survey["card_sizes"])

    def cards(self) -> Cards:
        """All of them, in order."""
        return Cards(self._data.array(), starts(self._pieces.array()), self._sizes.array())


def starts(sizes: Iterable[int] | np.ndarray) -> np.ndarray:
    """Offsets of consecutive pieces of these sizes, one more than there are pieces."""
    sizes = np.asarray(sizes, np.int64)
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes)))
