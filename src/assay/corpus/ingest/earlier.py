"""What a lab's text holds already, so that no document is taken in under an id that another one has."""

from collections.abc import Iterator

import numpy as np
import pyarrow.parquet as pq

from assay.corpus.editions.edition import OpenEdition
from assay.corpus.steps.facts import document_key


class EarlierKeys:
    """Keys of the documents of an edition, a shard at a time; can be gone through several times."""

    def __init__(self, edition: OpenEdition) -> None:
        self._edition = edition

    def __iter__(self) -> Iterator[np.ndarray]:
        for shard in self._edition.manifest.shards:
            table = pq.read_table(self._edition.shard(shard.name), columns=["domain", "id"], use_threads=False)
            pairs = zip(table["domain"].to_pylist(), table["id"].to_pylist(), strict=True)
            yield np.array([document_key(domain, name) for domain, name in pairs], np.uint64)
