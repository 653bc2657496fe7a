"""Arrays by name for each piece of an input, kept on disk, so that memory does not grow with the input."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from assay.corpus.steps.step import Survey


class Surveys:
    """Surveys in a folder, one file a piece. Iterates, as often as wanted, in the order of the pieces."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def _path(self, piece: int) -> Path:
        return self._folder / f"{piece:08}.npz"

    def save(self, piece: int, survey: Survey) -> None:
        temporary = self._folder / f".{piece:08}.npz"
        np.savez(temporary, **survey)  # pyright: ignore[reportArgumentType]
        temporary.replace(self._path(piece))

    def has(self, piece: int) -> bool:
        return self._path(piece).exists()

    def load(self, piece: int) -> Survey:
        with np.load(self._path(piece)) as arrays:
            return {name: arrays[name] for name in arrays.files}

    def __len__(self) -> int:
        return sum(1 for _ in self._folder.glob("[0-9]*.npz"))

    def __iter__(self) -> Iterator[Survey]:
        piece = 0
        while self.has(piece):
            yield self.load(piece)
            piece += 1
