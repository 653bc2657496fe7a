"""One pass over all documents: how many, how long, under which licences, of which dates; and a sample of them."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from assay.corpus.analysis.facts import Amount, Dates, DomainFacts, Lengths, LicenceFacts, PersonalData
from assay.corpus.analysis.prints import prints
from assay.corpus.analysis.sample import Sample
from assay.corpus.personal.find import find
from assay.corpus.steps.step import Batch

#: Borders between the bars of a histogram of lengths: two for each doubling, from 1 byte to 128 MB.
LENGTH_BINS = np.unique(np.floor(2 ** (np.arange(0, 55) / 2)).astype(np.int64))
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
#: Fields of records that may hold when a text was written, the likeliest first.
DATE_FIELDS = ("date", "created", "published", "timestamp", "time", "year")
_YEAR = re.compile(r"(?<![0-9.])(1[0-9]{3}|20[0-9]{2})(?![0-9])")


@dataclass
class Survey:
    """Takes batches in any order; the results do not depend on it.

    Attributes:
        sample: documents whose text is looked at more closely.
    """

    sample: Sample
    _sizes: dict[str, list[np.ndarray]] = field(default_factory=dict)
    _prints: list[np.ndarray] = field(default_factory=list)
    _licences: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    _sources: Counter[str] = field(default_factory=Counter)
    _retrieved: Counter[str] = field(default_factory=Counter)
    _written: Counter[str] = field(default_factory=Counter)
    _personal: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def add(self, batch: Batch, records: Sequence[Mapping[str, Any]]) -> None:
        """Take a batch, with the fields of each document that no column holds."""
        texts, sizes = batch.texts, batch.texts.sizes
        domains = batch.column("domain")
        names, codes = np.unique(np.array(domains, object), return_inverse=True)
        for code, name in enumerate(names.tolist()):
            self._sizes.setdefault(name, []).append(sizes[codes == code].astype(np.int32))
        self._prints.append(prints(texts))
        for domain, licence, size in zip(domains, batch.column("licence"), sizes.tolist(), strict=True):
            found = self._licences.setdefault(licence, {}).setdefault(domain, [0, 0])
            found[0] += 1
            found[1] += size
        self._sources.update(batch.column("source"))
        self._retrieved.update(day[:7] for day in batch.column("retrieved"))
        self._written.update(map(year_of, records))
        for row, pieces in find(texts).items():
            domain = domains[row]
            self._personal.update((kind, domain, "findings") for kind in (piece.kind for piece in pieces))
            self._personal.update((kind, domain, "documents") for kind in {piece.kind for piece in pieces})
        self._take(batch, domains)

    def _take(self, batch: Batch, domains: Sequence[str]) -> None:
        numbers = batch.first + np.arange(len(domains))
        wanted = self.sample.wants(numbers, domains).tolist()
        if wanted:
            ids, groups = batch.column("id"), batch.column("group")
            for row in map(int, wanted):
                self.sample.add(int(numbers[row]), domains[row], ids[row], groups[row], batch.texts.bytes(row))

    def domains(self) -> tuple[DomainFacts, ...]:
        """The domains by bytes, the largest first."""
        return tuple(sorted(self._domains(), key=lambda domain: (-domain.bytes, domain.name)))

    def _domains(self) -> Iterator[DomainFacts]:
        for name, parts in self._sizes.items():
            sizes = np.concatenate(parts)
            bars = np.histogram(sizes, LENGTH_BINS)[0]
            values = np.quantile(sizes, QUANTILES, method="inverted_cdf").tolist()
            lengths = Lengths(
                least=int(sizes.min()), most=int(sizes.max()), mean=float(sizes.mean()),
                quantiles=dict(zip(map(str, QUANTILES), map(int, values), strict=True)), bars=tuple(bars.tolist()),
            )  # fmt: skip
            yield DomainFacts(name=name, documents=len(sizes), bytes=int(sizes.sum(dtype=np.int64)), lengths=lengths)

    def licences(self) -> tuple[LicenceFacts, ...]:
        found = [
            LicenceFacts(
                licence=licence,
                documents=sum(count for count, _ in domains.values()),
                bytes=sum(size for _, size in domains.values()),
                domains={name: Amount(documents=count, bytes=size) for name, (count, size) in sorted(domains.items())},
            )
            for licence, domains in self._licences.items()
        ]
        return tuple(sorted(found, key=lambda each: (-each.bytes, each.licence)))

    def sources(self, most: int) -> dict[str, int]:
        """Documents of the most frequent sources."""
        return dict(sorted(self._sources.items(), key=lambda item: (-item[1], item[0]))[:most])

    def dates(self) -> Dates:
        return Dates(
            retrieved={month or "unknown": count for month, count in sorted(self._retrieved.items())},
            written={year or "unknown": count for year, count in sorted(self._written.items())},
        )

    def personal(self) -> tuple[PersonalData, ...]:
        pairs = sorted({(kind, domain) for kind, domain, _ in self._personal})
        return tuple(
            PersonalData(
                kind=kind, domain=domain, documents=self._personal[kind, domain, "documents"],
                findings=self._personal[kind, domain, "findings"],
            )
            for kind, domain in pairs
        )  # fmt: skip

    def same_texts(self) -> int:
        """Documents whose text another document before them has, byte by byte."""
        prints = np.concatenate(self._prints) if self._prints else np.zeros(0, np.uint64)
        return len(prints) - len(np.unique(prints))


def year_of(record: Mapping[str, Any]) -> str:
    """The year in which a text was written, as its record says; "" where it does not."""
    inner = record.get("meta") or record.get("metadata")
    for fields in (record, inner if isinstance(inner, dict) else {}):
        for name in DATE_FIELDS:
            found = _YEAR.search(str(fields.get(name, "")))
            if found:
                return found[1]
    return ""
