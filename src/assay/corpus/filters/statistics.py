"""What filters measure of a corpus: the distribution of every statistic in every domain, with documents to look at."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from assay.corpus.filters.chain import measure
from assay.corpus.filters.filter import Filter
from assay.corpus.steps.step import Batch

QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)


@dataclass(frozen=True)
class Distribution:
    """A statistic in a domain.

    Attributes:
        quantiles: those asked for.
        values: of the statistic at each of them.
        documents: number, in the order of all documents, of a document at each of them: the one whose value it is.
        count: documents whose value is known.
    """

    quantiles: tuple[float, ...]
    values: tuple[float, ...]
    documents: tuple[int, ...]
    count: int


def distributions(
    batches: Iterable[Batch], filters: Sequence[Filter], quantiles: Sequence[float] = QUANTILES
) -> dict[str, dict[str, Distribution]]:
    """Distributions by domain and `FILTER.STATISTIC`, with the edits of filters made. Holds 8 bytes a number.

    Of equal values the first document is named, so that nothing depends on how the batches are cut.
    """
    found: dict[str, dict[str, list[np.ndarray]]] = {}
    numbers: dict[str, list[np.ndarray]] = {}
    for batch in batches:
        on = {each.name: np.ones((len(batch), len(each.edits)), bool) for each in filters if each.edits}
        measured = measure(filters, batch.texts, on)
        domains = np.array(batch.column("domain"))
        for domain in np.unique(domains).tolist():
            rows = np.flatnonzero(domains == domain)
            numbers.setdefault(domain, []).append(batch.first + rows)
            for name, values in measured.items():
                found.setdefault(domain, {}).setdefault(name, []).append(values[rows])
    return {
        domain: {
            name: _distribution(np.concatenate(parts), np.concatenate(numbers[domain]), tuple(quantiles))
            for name, parts in by_name.items()
        }
        for domain, by_name in found.items()
    }


def _distribution(values: np.ndarray, numbers: np.ndarray, quantiles: tuple[float, ...]) -> Distribution:
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    if not len(order):
        return Distribution((), (), (), 0)
    places = np.rint(np.array(quantiles) * (len(order) - 1)).astype(int)
    ranked = values[order[places]]
    # The first of equal values.
    places = np.searchsorted(values[order], ranked)
    return Distribution(quantiles, tuple(ranked.tolist()), tuple(numbers[order[places]].tolist()), len(order))
