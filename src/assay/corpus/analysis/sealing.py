"""Which documents of a lab's text no report may show: those that are sealed or may become so, or hold such text."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import pyarrow.parquet as pq

from assay.corpus.decontamination.evaluations import SEALED
from assay.corpus.editions.edition import MANIFEST, OpenEdition
from assay.corpus.split import HELDOUT_FRACTION, SEALED_FRACTION, choose_heldout, choose_sealed, draw
from assay.spec.errors import UserError

_RANGE = 1 << 63
_BOILERPLATE = 20  # a line that occurs so often gives nothing away, wherever it stands
_COPY = "duplicate of "  # how a deduplication begins to say why a document went


class Known(Protocol):
    """A document, as far as it must be known here."""

    @property
    def domain(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def group(self) -> str: ...


class Sealing:
    """Knows documents by their groups, as the split does, and by domain and id.

    Which groups are sealed follows from those of each domain when a corpus is tokenised, which may be from any edition
    of a lab. So every group counts that draws a sealed number, and in each edition those that the split would choose.
    Hidden are also documents that went because they hold text of sealed ones, or are duplicates of them.

    Args:
        edition: the lab's text; None: there are no sealed documents.
    """

    def __init__(self, edition: OpenEdition | None) -> None:
        self._on = edition is not None
        self._chosen: set[int] = set()
        self._documents: set[tuple[str, str]] = set()
        folders = sorted(edition.folder.absolute().parent.glob(f"*/{MANIFEST}")) if edition else []
        editions = [OpenEdition(path.parent) for path in folders]
        for each in editions:
            self._choose(_draws(each))
        for row in _rows(editions, "kept", ("domain", "id", "group")):
            if self._hides_group(row["group"]):
                self._documents.add((row["domain"], row["id"]))
        names = {f"{domain}:{name}" for domain, name in self._documents}
        for row in _rows(editions, "removed", ("domain", "id", "removed_by", "detail")):
            kept = row["detail"].removeprefix(_COPY).partition(", Jaccard")[0]
            holds = row["removed_by"] == SEALED or "sealed documents" in row["detail"]
            if holds or (row["detail"].startswith(_COPY) and kept in names):
                self._documents.add((row["domain"], row["id"]))

    def _choose(self, draws: Mapping[str, np.ndarray]) -> None:
        try:
            self._chosen.update(choose_sealed(draws, choose_heldout(draws)).tolist())
        except UserError:  # these documents cannot be split, so nothing of them is sealed
            return
        for found in draws.values():  # without exact duplicates, the next group may be the first to choose
            self._chosen.update(found[found >= HELDOUT_FRACTION * _RANGE][:2].tolist())

    def _hides_group(self, group: str) -> bool:
        drawn = draw(group)
        return HELDOUT_FRACTION <= drawn / _RANGE < HELDOUT_FRACTION + SEALED_FRACTION or drawn in self._chosen

    def hides(self, document: Known) -> bool:
        """Whether no text of a document may be shown."""
        return self._on and ((document.domain, document.id) in self._documents or self._hides_group(document.group))

    def without(self, report: Any) -> Any:
        """What a step reported, without the beginnings of documents that are hidden and of their duplicates."""
        match report:
            case {"kept": dict(), "dropped": _} if self._any_hidden(report):
                return _blank(report)
            case {"beginning": _} if self._any_hidden(report):
                return _blank(report)
            case {"text": str(), "occurrences": int(often)} if self._on and often < _BOILERPLATE:
                return {**report, "text": ""}
            case dict():
                return {key: self.without(value) for key, value in report.items()}
            case list():
                return [self.without(value) for value in report]
            case _:
                return report

    def _any_hidden(self, report: Any) -> bool:
        match report:
            case {"beginning": _}:
                return (report.get("domain"), report.get("id")) in self._documents
            case dict():
                return any(map(self._any_hidden, report.values()))
            case list():
                return any(map(self._any_hidden, report))
            case _:
                return False


def _blank(report: Any) -> Any:
    match report:
        case dict():
            return {key: "" if key == "beginning" else _blank(value) for key, value in report.items()}
        case list():
            return [_blank(value) for value in report]
        case _:
            return report


def _rows(editions: list[OpenEdition], side: str, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for each in editions:
        for shard in each.manifest.shards:
            yield from pq.read_table(each.shard(shard.name, side), columns=list(columns)).to_pylist()


def _draws(edition: OpenEdition) -> dict[str, np.ndarray]:
    """The distinct draws of the groups of each domain of an edition, ascending."""
    groups: dict[str, set[str]] = {}
    for shard in edition.manifest.shards:
        table = pq.read_table(edition.shard(shard.name), columns=["domain", "group"]).group_by(["domain", "group"])
        for row in table.aggregate([]).to_pylist():
            groups.setdefault(row["domain"], set()).add(row["group"])
    return {name: np.array(sorted({draw(group) for group in found}), np.int64) for name, found in groups.items()}
