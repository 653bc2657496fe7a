"""Arrays of one number a document, gathered batch by batch in files, so that memory does not grow with them."""

from pathlib import Path
from typing import Any

import numpy as np

from assay.corpus.steps.step import Survey


class Columns:
    """Columns by name; float64, unless `kinds` says otherwise."""

    def __init__(self, work: Path, kinds: dict[str, Any]) -> None:
        self._work, self._kinds = work, kinds
        self._names: list[str] = []

    def add(self, values: Survey) -> None:
        for name, each in values.items():
            if name == "names":
                continue
            kind = self._kinds.get(name, np.float64)
            with self._file(name).open("ab" if name in self._names else "wb") as file:
                each.astype(kind).tofile(file)
            if name not in self._names:
                self._names.append(name)

    def __getitem__(self, name: str) -> np.ndarray:
        kind = self._kinds.get(name, np.float64)
        file = self._file(name)
        if name not in self._names or file.stat().st_size == 0:
            return np.zeros(0, kind)
        return np.memmap(file, kind, "r")

    def _file(self, name: str) -> Path:
        return self._work / f"{name}.column"
