"""Looks at a collection and says what is in it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assay.corpus import languages
from assay.corpus.analysis.collection import Collection
from assay.corpus.analysis.edition_text import EditionText
from assay.corpus.analysis.excerpts import excerpt, title
from assay.corpus.analysis.facts import (
    Amount,
    CorpusFacts,
    DomainFacts,
    LanguageFacts,
    RemovedSample,
    Shown,
    TopicFacts,
)
from assay.corpus.analysis.sample import Sample, Sampled, draw
from assay.corpus.analysis.sealing import Sealing
from assay.corpus.analysis.statistics import statistics
from assay.corpus.analysis.survey import LENGTH_BINS, Survey
from assay.corpus.analysis.topics import find_topics
from assay.corpus.texts import Texts

Progress = Callable[[int, int | None, str], None]
"""Called with bytes done, bytes in all (None: not known) and what is being done."""

#: Of the sample of all domains together: bytes, and documents whose topics are looked at.
MOST_BYTES = 12 << 20
MOST_TITLED = 6000
_TITLES = 5
_SOURCES = 12
_REMOVED = 3  # samples of a rule


def analyse(
    collection: Collection, *, seed: int = 0, classifier: Path | None = None, progress: Progress | None = None
) -> CorpusFacts:
    """Everything there is to say of a collection, apart from what a model thinks of it.

    Counts are of all documents, what looks at texts closely is of a sample. Memory grows by some bytes a document.

    Args:
        seed: of the sample and of the topics.
        classifier: folder of a classifier of quality, for its scores.

    Raises:
        UserError: the documents or the classifier cannot be read.
    """
    report = progress or _silent
    survey, size = Survey(Sample(seed)), collection.size
    for read in collection.read():
        survey.add(read.batch, read.records)
        report(read.done, size, "reading")
    report(size, size, "looking at a sample")
    domains = survey.domains()
    sealing = Sealing(collection.edition if isinstance(collection, EditionText) else None)
    drawn = survey.sample.within(MOST_BYTES)
    sample = [each for each in drawn if not sealing.hides(each)]
    texts = Texts.of([each.text for each in sample])
    weights = _weights(sample, domains)
    titled = np.sort(np.argsort([each.drawn for each in sample], kind="stable")[:MOST_TITLED])
    report(size, size, "finding topics")
    topics = _topics([sample[i] for i in titled], weights[titled], seed)
    report(size, size, "measuring quality")
    facts = CorpusFacts(
        name=collection.name,
        kind=collection.kind,
        id=collection.id,
        root=collection.root,
        seed=seed,
        totals=sum((Amount(documents=each.documents, bytes=each.bytes) for each in domains), Amount()),
        tokens=None,
        same_texts=survey.same_texts(),
        domains=domains,
        length_bins=tuple(LENGTH_BINS.tolist()),
        licences=survey.licences(),
        sources=survey.sources(_SOURCES),
        dates=survey.dates(),
        sampled=Amount(documents=len(sample), bytes=int(texts.sizes.sum())),
        hidden=len(drawn) - len(sample),
        languages=_languages(sample, texts, weights),
        statistics=statistics(sample, texts, collection.steps, classifier),
        personal=survey.personal(),
        topics=topics,
        steps=tuple(each.model_copy(update={"report": sealing.without(each.report)}) for each in collection.steps),
        removed=_removed(collection, sealing, seed),
        no_losses=(
            "No champion has been trained on these files: they belong to no lab."
            if collection.kind == "files"
            else "`assay corpus report LAB`, with the folder of the lab, asks its champion too."
        ),
    )
    return facts.with_tokens(collection.trained_on) if collection.trained_on else facts


def _silent(done: int, total: int | None, message: str) -> None:
    pass


def _weights(sample: Sequence[Sampled], domains: Sequence[DomainFacts]) -> np.ndarray:
    """(N,) how many documents each of the sample stands for."""
    all_of = {domain.name: domain.documents for domain in domains}
    count: dict[str, int] = {}
    for each in sample:
        count[each.domain] = count.get(each.domain, 0) + 1
    return np.array([all_of[each.domain] / count[each.domain] for each in sample])


def _languages(sample: Sequence[Sampled], texts: Texts, weights: np.ndarray) -> tuple[LanguageFacts, ...]:
    if not len(texts):
        return ()
    codes = languages.detect(texts).codes
    domains = np.array([each.domain for each in sample])
    found = [
        LanguageFacts(
            code=code,
            share=float(weights[codes == code].sum() / weights.sum()),
            domains={
                domain: share
                for domain in sorted(set(domains.tolist()))
                if (share := float((codes[domains == domain] == code).mean()))
            },
        )
        for code in sorted(set(codes.tolist()))
    ]
    return tuple(sorted(found, key=lambda each: (-each.share, each.code)))


def _topics(sample: Sequence[Sampled], weights: np.ndarray, seed: int) -> tuple[TopicFacts, ...]:
    found: list[TopicFacts] = []
    for topic in find_topics([each.text for each in sample], weights, seed):
        inside: dict[str, float] = {}
        for i in topic.members:
            inside[sample[i].domain] = inside.get(sample[i].domain, 0.0) + float(weights[i])
        total = sum(inside.values())
        first = [sample[i] for i in topic.members[:_TITLES]]
        found.append(
            TopicFacts(
                words=topic.words,
                share=topic.share,
                domains={name: part / total for name, part in sorted(inside.items(), key=lambda item: -item[1])},
                titles=tuple(Shown(id=each.id, domain=each.domain, excerpt=title(each.text)) for each in first),
            )
        )
    return tuple(found)


@dataclass
class _Best:
    drawn: int
    shown: RemovedSample


def _removed(collection: Collection, sealing: Sealing, seed: int) -> tuple[RemovedSample, ...]:
    """A few of the documents that each rule removed, drawn by their place."""
    found: dict[tuple[str, str], list[_Best]] = {}
    for number, each in enumerate(collection.removed()):
        if sealing.hides(each):
            continue
        best = found.setdefault((each.step, each.rule), [])
        drawn = int(draw(np.array([number]), seed)[0])
        if len(best) < _REMOVED or drawn < best[-1].drawn:
            shown = RemovedSample(
                id=each.id, domain=each.domain, excerpt=excerpt(each.text), step=each.step, rule=each.rule,
                detail=each.detail,
            )  # fmt: skip
            best.append(_Best(drawn, shown))
            best.sort(key=lambda one: one.drawn)
            del best[_REMOVED:]
    return tuple(each.shown for best in found.values() for each in best)
