"""The licences of an edition, with how much text has each."""

from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from assay.corpus.editions.edition import OpenEdition
from assay.corpus.licences.names import spdx
from assay.corpus.licences.policy import refusal
from assay.spec.lab import LicencePolicy


def licence_table(edition: OpenEdition, policy: LicencePolicy) -> list[dict[str, Any]]:
    """A row for each licence, the most text first: its SPDX name, documents, bytes, domains, why it is refused."""
    documents: dict[str, int] = {}
    sizes: dict[str, int] = {}
    domains: dict[str, set[str]] = {}
    for shard in edition.manifest.shards:
        with pq.ParquetFile(edition.shard(shard.name)) as file:
            for batch in file.iter_batches(columns=["licence", "domain", "text"], use_threads=False):
                sized = pc.binary_length(batch["text"])  # pyright: ignore[reportAttributeAccessIssue]
                for licence, domain, size in zip(
                    batch["licence"].to_pylist(), batch["domain"].to_pylist(), sized.to_pylist(), strict=True
                ):
                    documents[licence] = documents.get(licence, 0) + 1
                    sizes[licence] = sizes.get(licence, 0) + size
                    domains.setdefault(licence, set()).add(domain)
    return [
        {
            "licence": spdx(licence), "found": licence, "documents": documents[licence], "bytes": sizes[licence],
            "domains": sorted(domains[licence]), "refused": refusal(policy, licence),
        }
        for licence in sorted(documents, key=lambda name: (-sizes[name], name))
    ]  # fmt: skip
