"""Earlier text that documents are compared with and that stays as it is: files, folders and editions."""

from collections.abc import Iterator, Sequence
from hashlib import file_digest
from pathlib import Path

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


def identities(paths: Sequence[Path]) -> list[str]:
    """What each of some paths holds, by content."""
    found = []
    for path in paths:
        edition = _edition(path)
        files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
        found.append(f"edition:{edition.id}" if edition else "sha256:" + _hash(files))
    return found


def _hash(files: Sequence[Path]) -> str:
    digests = []
    for path in files:
        with path.open("rb") as file:
            digests.append(file_digest(file, "sha256").hexdigest())
    return digests[0] if len(digests) == 1 else sha256_text("\n".join(digests))


def earlier_batches(paths: Sequence[Path], work: Path, count: int = 0) -> Iterator[EarlierBatch]:
    """Batches of files, folders and editions, in order.

    Args:
        work: folder for what reading needs to keep.
        count: of all their documents, where it is known; else numbers count from 0.
    """
    first = -count
    for place, path in enumerate(paths):
        edition, folder = _edition(path), work / f"against-{place}"
        source: Input = EditionInput(edition) if edition else BareInput(_files(path), folder)
        for piece in source.pieces():
            batch = piece.load()
            yield EarlierBatch(batch, first)
            first += len(batch)
