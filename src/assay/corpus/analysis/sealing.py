"""Which documents of a lab's text are sealed, or may become so, that no report shows them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from assay.corpus.editions.edition import OpenEdition, lineage
from assay.corpus.split import HELDOUT_FRACTION, SEALED_FRACTION, choose_heldout, choose_sealed, draw
from assay.spec.errors import UserError

_RANGE = 1 << 63


class Sealing:
    """Knows documents by their groups, as the split does.

    Which groups are sealed follows from those of each domain when a corpus is tokenised, which may be from any edition.
    So every group counts that draws a sealed number, and in each edition those that the split would choose.
    """

    def __init__(self, edition: OpenEdition | None) -> None:
        self._on = edition is not None
        self._chosen: set[int] = set()
        editions = list(lineage(edition)) if edition else []
        for each in editions:
            self._choose(_draws(each))
        self._documents = {
            (row["domain"], row["id"])
            for each in editions
            for shard in each.manifest.shards
            for row in pq.read_table(each.shard(shard.name), columns=["domain", "id", "group"]).to_pylist()
            if self.hides(row["group"])
        }

    def _choose(self, draws: Mapping[str, np.ndarray]) -> None:
        try:
            self._chosen.update(choose_sealed(draws, choose_heldout(draws)).tolist())
        except UserError:  # these documents cannot be split, so nothing of them is sealed
            return
        for found in draws.values():  # without exact duplicates, the next group may be the first to choose
            self._chosen.update(found[found >= HELDOUT_FRACTION * _RANGE][:2].tolist())

    def hides(self, group: str) -> bool:
        """Whether a document of this group is sealed, or may be."""
        if not self._on:
            return False
        drawn = draw(group)
        return HELDOUT_FRACTION <= drawn / _RANGE < HELDOUT_FRACTION + SEALED_FRACTION or drawn in self._chosen

    def without(self, report: Any) -> Any:
        """What a step reported, without the beginnings of documents that are hidden."""
        match report:
            case dict():
                found = {key: self.without(value) for key, value in report.items()}
                if "beginning" in found and (found.get("domain"), found.get("id")) in self._documents:
                    found["beginning"] = ""
                return found
            case list():
                return [self.without(value) for value in report]
            case _:
                return report


def _draws(edition: OpenEdition) -> dict[str, np.ndarray]:
    """The distinct draws of the groups of each domain of an edition, ascending."""
    groups: dict[str, set[str]] = {}
    for shard in edition.manifest.shards:
        table = pq.read_table(edition.shard(shard.name), columns=["domain", "group"]).group_by(["domain", "group"])
        for row in table.aggregate([]).to_pylist():
            groups.setdefault(row["domain"], set()).add(row["group"])
    return {name: np.array(sorted({draw(group) for group in found}), np.int64) for name, found in groups.items()}
