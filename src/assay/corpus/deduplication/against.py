"""Earlier text that documents are compared with and that stays as it is: files, folders and editions."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

from assay.corpus.editions.edition import MANIFEST, TEXT, OpenEdition, newest_edition
from assay.corpus.steps.bare_files import BareShard, bare_shards
from assay.corpus.steps.bare_input import BareInput
from assay.corpus.steps.bare_output import read_manifest
from assay.corpus.steps.edition_input import EditionInput
from assay.corpus.steps.engine import Input
from assay.corpus.steps.step import Batch
from assay.corpus.texts import Texts
from assay.spec.base import sha256_text


class EarlierBatch:
    """A batch of earlier text. Its documents have negative numbers, which makes them come first."""

    def __init__(self, batch: Batch, first: int) -> None:
        self._batch, self.first = batch, first

    def __len__(self) -> int:
        return len(self._batch)

    @property
    def texts(self) -> Texts:
        return self._batch.texts

    def column(self, name: str) -> Sequence[str]:
        """A field of each document."""
        return self._batch.column(name)


def _edition(path: Path) -> OpenEdition | None:
    """The edition that a path names: its folder, or a lab, whose newest one it is."""
    if (path / MANIFEST).is_file():
        return OpenEdition(path)
    return newest_edition(path) if (path / TEXT).is_dir() else None


def _files(path: Path) -> list[BareShard]:
    """The files that a path names; of a folder that a step wrote, what it kept."""
    return bare_shards(path / "kept" if read_manifest(path) else path)


@dataclass(frozen=True)
class Against:
    """What documents are compared with.

    Attributes:
        paths: files, folders and editions, or labs, whose newest edition it is.
        skip_bad: pass over what is no document, and count it.
    """

    paths: tuple[Path, ...] = ()
    skip_bad: bool = False

    def identities(self) -> list[str]:
        """What each of them holds, by content."""
        found = []
        for path in self.paths:
            edition = _edition(path)
            files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
            found.append(f"edition:{edition.id}" if edition else "sha256:" + _hash(files))
        return found


class EarlierText:
    """Batches of earlier text, in order, to be gone through once.

    Args:
        work: folder for what reading needs to keep.
        count: of all its documents, where it is known; else numbers count from 0.

    Attributes:
        documents: so far.
        bad: what was passed over so far, by what is wrong with it.
    """

    def __init__(self, against: Against, work: Path, count: int = 0) -> None:
        self._against, self._work, self._first = against, work, -count
        self.documents = 0
        self.bad: Counter[str] = Counter()

    def __iter__(self) -> Iterator[EarlierBatch]:
        for place, path in enumerate(self._against.paths):
            edition, folder = _edition(path), self._work / f"against-{place}"
            source: Input = (
                EditionInput(edition) if edition else BareInput(_files(path), folder, skip_bad=self._against.skip_bad)
            )
            for piece in source.pieces():
                batch = piece.load()
                yield EarlierBatch(batch, self._first + self.documents)
                self.documents += len(batch)
            self.bad.update(source.bad)

    def report(self) -> dict[str, Any]:
        """JSON data: documents, and what was passed over."""
        return {"documents": self.documents} | ({"bad": dict(self.bad)} if self.bad else {})


def _hash(files: Sequence[Path]) -> str:
    digests = []
    for path in files:
        with path.open("rb") as file:
            digests.append(file_digest(file, "sha256").hexdigest())
    return digests[0] if len(digests) == 1 else sha256_text("\n".join(digests))
