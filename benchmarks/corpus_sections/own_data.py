"""Languages, personal data and quality: detecting, redacting, training a classifier and scoring with it

Languages against py3langid, whose model both use, on the same sample of each document; personal data against
datatrove's formatter of e-mail and IP addresses, which looks for less. For scoring and training there is no peer.
"""

from typing import Any

import numpy as np
from corpus_text import documents
from harness import Missing, Options, cpu_seconds, in_turn, medians, table

from assay.corpus.languages import detect, sample
from assay.corpus.personal.find import find
from assay.corpus.personal.redact import redact
from assay.corpus.quality.hashed_words import BUCKETS, features
from assay.corpus.quality.training import Labelled, train
from assay.corpus.texts import Texts

LABELS = 1000
EXCERPT = 4000  # characters


def replace_all(texts: Texts) -> None:
    for i, found in find(texts).items():
        redact(texts.bytes(i), found)


def graded(strings: list[str]) -> Labelled:
    """Excerpts with grades that depend on how long their words are, with noise."""
    excerpts = [text[:EXCERPT] for text in strings[:LABELS]]
    length = np.array([np.mean([len(word) for word in text.split()] or [0]) for text in excerpts])
    noisy = length + np.random.default_rng(0).normal(0, length.std() / 2, len(length))
    grades = np.digitize(noisy, np.quantile(noisy, np.arange(1, 6) / 6))
    return Labelled(Texts.of(excerpts), grades, [str(i) for i in range(len(excerpts))], [""] * len(excerpts))


def measure(options: Options) -> tuple[dict[str, Any], str]:
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        raise Missing("py3langid is not installed here; run: make") from None
    strings = [text.decode() for text in documents(options.shared, 1_000_000 if options.quick else 10_000_000)]
    texts = Texts.of(strings)
    size = int(texts.sizes.sum())
    theirs = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    found = detect(texts)
    apart = sum(theirs.classify(sample(texts, i))[0] != code for i, code in enumerate(found.codes.tolist()))
    weights = np.random.default_rng(0).normal(size=BUCKETS).astype(np.float32)
    labelled = graded(strings)
    sides = {
        ("language", "py3langid"): lambda: [theirs.classify(sample(texts, i)) for i in range(len(texts))],
        ("language", "assay"): lambda: detect(texts),
        ("personal data", "assay"): lambda: replace_all(texts),
        ("quality, scores", "assay"): lambda: features(texts) @ weights,
    }
    try:
        from datatrove.pipeline.formatters import PIIFormatter

        formatter = PIIFormatter()
        sides["personal data", "datatrove"] = lambda: [formatter.format(text) for text in strings]
    except ImportError:
        pass
    for work in sides.values():
        work()
    seconds = medians(
        in_turn({"/".join(name): lambda work=work: cpu_seconds(work) for name, work in sides.items()}, options.repeats)
    )
    speeds = {name: size / 1e6 / each for name, each in seconds.items()}
    training = cpu_seconds(lambda: train(labelled))
    numbers = {
        "mb_per_cpu_second": speeds, "bytes": size, "documents": len(texts), "language_differs": apart,
        "training_seconds": training, "labels": len(labelled.texts),
    }  # fmt: skip
    rows = [[*name.split("/"), f"{speed:.1f}"] for name, speed in sorted(speeds.items())]
    text = (
        f"{table(['job', 'with', 'MB/cpu-s'], rows)}\n\n{len(texts):,} documents of {size / 1e6:.1f} MB, "
        "all in memory. "
        f"Of their languages {apart} differ from py3langid's. Training a classifier on {len(labelled.texts):,} labels, "
        f"with every label predicted by models that have not seen it: {training:.1f} cpu-s."
    )
    return numbers, text
