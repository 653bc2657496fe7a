"""Bare files, as something to be looked at."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from assay.corpus.analysis.collection import Read, Removed
from assay.corpus.analysis.facts import StepFacts
from assay.corpus.manifest import TrainText
from assay.corpus.records import json_lines
from assay.corpus.steps.bare_files import bare_shards
from assay.corpus.steps.bare_input import BareInput
from assay.corpus.steps.bare_output import BareManifest, read_manifest


class BareText:
    """A file or a folder; of one that a step wrote, what it keeps. The fields are those of `Collection`.

    Args:
        work: an empty folder for what is found on the way.
        skip_bad: pass over what is no document.

    Raises:
        UserError: there is nothing there that could be read.
    """

    kind: Literal["edition", "files", "corpus"] = "files"
    id = ""

    def __init__(self, path: Path, work: Path, skip_bad: bool) -> None:
        self._path = path
        manifests = list(_manifests(path))
        self._input = BareInput(bare_shards(path / "kept" if manifests else path), work / "facts", skip_bad=skip_bad)
        self._input.prepare(1, lambda _done: None)
        self._checked = False
        self.name, self.size = path.absolute().name, self._input.size
        self.trained_on: dict[str, TrainText] = {}
        self.root = manifests[0].root if manifests else ""
        self.steps = tuple(
            StepFacts(
                id="",
                account=each.account.model_copy(update={"report": {}}),
                parameters=each.parameters,
                report=each.report,
            )
            for each in reversed(manifests)
        )

    def read(self) -> Iterator[Read]:
        for piece in self._input.pieces():
            batch = piece.load()
            yield Read(batch, batch.records, piece.done)
        if not self._checked:
            self._input.check()
            self._checked = True

    def removed(self) -> Iterator[Removed]:
        """Those of the last step only: earlier ones are in other folders."""
        folder = self._path / "removed"
        if not self.steps or not folder.is_dir() or not any(path.stat().st_size for path in folder.rglob("*.zst")):
            return
        for shard in bare_shards(folder):
            for _, record in json_lines(shard.path):
                said = {name: str(record.get(name) or "") for name in ("removed_by", "detail", "id", "domain", "text")}
                yield Removed(
                    self.steps[-1].account.step, said["removed_by"], said["detail"], said["id"],
                    said["domain"] or shard.domain, said["id"].partition("#")[0], said["text"],
                )  # fmt: skip


def _manifests(path: Path) -> Iterator[BareManifest]:
    """What the steps say that led to a folder, the last first, as far back as the folders they read are unchanged."""
    manifest = read_manifest(path) if path.is_dir() else None
    while manifest:
        yield manifest
        path = path / manifest.input
        before = read_manifest(path)
        manifest = before if before and before.root == manifest.input_root else None
