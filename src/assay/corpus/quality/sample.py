"""A sample of documents from each domain: the same whatever their order, their files and the rest of the text.

Documents are drawn by a keyed hash of their text, so a sample of 200 begins with the sample of 100.
"""

import heapq
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import xxhash

from assay.corpus.split import draw
from assay.corpus.steps.step import Batch


@dataclass(frozen=True, order=True)
class Drawn:
    """A document of a sample. Those drawn lowest come first."""

    drawn: int
    id: str
    domain: str
    text: str


@dataclass(frozen=True)
class Sample:
    """What was drawn.

    Attributes:
        documents: by domain and then as they were drawn.
        seen: documents there are, by domain; those passed over not counted.
    """

    documents: list[Drawn]
    seen: dict[str, int]


def sample(
    batches: Iterable[Batch],
    per_domain: int,
    *,
    seed: int = 0,
    passed_over: Collection[int] = (),
    progress: Callable[[int], None] | None = None,
) -> Sample:
    """Draw documents from each domain.

    Args:
        passed_over: draws of the groups that must not be looked at: held-out and sealed text.
        progress: called with the bytes of text read so far.
    """
    heaps: dict[str, list[tuple[int, str, str]]] = {}
    seen: dict[str, int] = {}
    done = 0
    for batch in batches:
        texts, domains = batch.texts, batch.column("domain")
        groups = batch.column("group") if passed_over else ()
        ids = None
        for i, domain in enumerate(domains):
            if passed_over and draw(groups[i]) in passed_over:
                continue
            seen[domain] = seen.get(domain, 0) + 1
            heap = heaps.setdefault(domain, [])
            drawn = xxhash.xxh3_64_intdigest(texts.bytes(i), seed)
            if len(heap) == per_domain and -drawn <= heap[0][0]:
                continue
            ids = batch.column("id") if ids is None else ids
            entry = (-drawn, ids[i], texts[i])
            if len(heap) < per_domain:
                heapq.heappush(heap, entry)
            else:
                heapq.heapreplace(heap, entry)
        done += int(texts.sizes.sum())
        if progress:
            progress(done)
    documents = [
        document
        for domain, heap in sorted(heaps.items())
        for document in sorted(Drawn(-drawn, name, domain, text) for drawn, name, text in heap)
    ]
    return Sample(documents, seen)
