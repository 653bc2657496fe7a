"""An edition of a lab, as something to be looked at."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import orjson

from assay.corpus.analysis.collection import Read, Removed
from assay.corpus.analysis.facts import StepFacts
from assay.corpus.editions.edition import MANIFEST, TEXT, OpenEdition, lineage
from assay.corpus.editions.rows import open_rows
from assay.corpus.manifest import TrainText
from assay.corpus.steps.edition_input import EditionInput

_COLUMNS = ["removed_by", "detail", "id", "domain", "group", "text"]


def is_edition(path: Path) -> bool:
    return (path / MANIFEST).is_file()


class EditionText:
    """The documents that an edition keeps, with all that led there. The fields are those of `Collection`."""

    kind: Literal["edition", "files", "corpus"] = "edition"

    def __init__(self, folder: Path) -> None:
        self.edition = OpenEdition(folder)
        self.id, self.root = self.edition.id, self.edition.manifest.root
        self.trained_on: dict[str, TrainText] = {}
        self._lineage = list(reversed(list(lineage(self.edition))))
        self.steps = tuple(
            StepFacts(
                id=each.id,
                account=each.account().model_copy(update={"report": {}}),
                parameters=each.manifest.parameters,
                report=each.report(),
            )
            for each in self._lineage
        )
        folder = folder.absolute()
        self.name = folder.parent.parent.name if folder.parent.name == TEXT else folder.name
        self.size = EditionInput(self.edition).size

    def read(self) -> Iterator[Read]:
        for piece in EditionInput(self.edition).pieces():
            batch = piece.load()
            batch.table  # noqa: B018 - read once, since every column is wanted
            records = [orjson.loads(extra) if extra != "{}" else {} for extra in batch.column("extra")]
            yield Read(batch, records, piece.done)

    def removed(self) -> Iterator[Removed]:
        for edition in self._lineage:
            for shard in edition.manifest.shards:
                yield from _removed(edition.shard(shard.name, "removed"), edition.manifest.step)


def _removed(path: Path, step: str) -> Iterator[Removed]:
    with open_rows(path) as file:
        for batch in file.iter_batches(256, columns=_COLUMNS):
            for row in batch.to_pylist():
                yield Removed(
                    step, row["removed_by"], row["detail"], row["id"], row["domain"], row["group"], row["text"]
                )
