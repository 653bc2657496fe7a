"""Bits per byte of a run on documents of its corpus, training and held-out ones: which does it find hard, and easy?

`python -m assay.evaluation.documents RUN_FOLDER` is a process of its own; it prints one JSON line a document. Of each
document one stretch of at most 1 KiB is read, chosen by hash as held-out spans are, so that both sides compare. Sealed
documents are not among them: no corpus folder holds their text.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq

from assay.corpus.analysis.corpus_text import text_of
from assay.corpus.manifest import open_corpus
from assay.corpus.spans import choose_spans
from assay.corpus.tokenizers.kinds import load_tokenizer
from assay.evaluation.spans import read_spans
from assay.spec.errors import UserError

#: Documents of a domain and side, and of all together.
MOST_OF_DOMAIN = 32
MOST = 512
TRAIN, HELDOUT = "train", "heldout"


class Stretch(NamedTuple):
    """A piece of a document; `document` is the SHA-256 of the document's text in hex."""

    side: str
    domain: str
    id: str
    document: str
    text: str


class Scored(NamedTuple):
    """A stretch with the sum of -ln p over it, in nats."""

    stretch: Stretch
    nats: float

    @property
    def bytes(self) -> int:
        return len(self.stretch.text.encode())

    @property
    def bits_per_byte(self) -> float:
        return self.nats / (math.log(2) * self.bytes)


def stretches(corpus: Path, seed: int = 0) -> list[Stretch]:
    """A sample of a corpus, by side and domain: training documents by chance, held-out ones as `spans.jsonl` has them.

    Raises:
        UserError: the corpus is missing or damaged.
    """
    domains = sorted(open_corpus(corpus).domains)
    most = max(1, min(MOST_OF_DOMAIN, MOST // (2 * len(domains))))
    columns = ["id", "domain", "split", "hash", "shard", "offset", "tokens"]
    rows = pq.read_table(corpus / "documents.parquet", columns=columns).to_pylist()
    names = {row["hash"]: row["id"] for row in rows}
    found: list[Stretch] = []
    for domain in domains:
        held = {span.document: span for span in reversed(read_spans(corpus)) if span.domain == domain}
        for document, span in list(reversed(held.items()))[:most]:
            found.append(Stretch(HELDOUT, domain, names.get(document, ""), document, span.text))
        found += _training(
            corpus, [row for row in rows if row["domain"] == domain and row["split"] == TRAIN], most, seed
        )
    return found


def _training(corpus: Path, rows: Sequence[dict[str, Any]], most: int, seed: int) -> Iterator[Stretch]:
    tokenizer = load_tokenizer(corpus)
    chosen = np.random.default_rng(seed).permutation(len(rows))[:most]
    for row in (rows[i] for i in sorted(chosen.tolist())):
        content = text_of(corpus, row, tokenizer).encode()
        for span in choose_spans([(bytes.fromhex(row["hash"]), content)], len(content)):
            yield Stretch(TRAIN, row["domain"], row["id"], row["hash"], span.text)
            break  # one stretch a document


def score(run_folder: Path, seed: int = 0) -> Iterator[Scored]:
    """Score a sample of a run's corpus by its newest checkpoint, in batches.

    Raises:
        UserError: no complete checkpoint, or a damaged corpus.
    """
    from assay.evaluation.score import span_losses  # imports torch
    from assay.training.environment import prepare
    from assay.training.restore import load_model

    prepare()
    trained = load_model(run_folder)
    corpus = Path(trained.order.corpus_dir)
    tokenizer, context = load_tokenizer(corpus), trained.order.run.recipe.data.context
    listed = stretches(corpus, seed)
    for first in range(0, len(listed), 16):
        group = listed[first : first + 16]
        encoded = tokenizer.encode_many([each.text for each in group])
        streams = [np.concatenate(([tokenizer.end_of_text], tokens)) for tokens in encoded]
        for each, nats in zip(group, span_losses(trained.model, streams, context), strict=True):
            yield Scored(each, nats)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m assay.evaluation.documents",
        description="Bits per byte of a run's newest checkpoint on a sample of the documents of its corpus.",
    )
    parser.add_argument("folder", type=Path, metavar="RUN_FOLDER", help="where run.json and checkpoint/ are")
    parser.add_argument("--seed", type=int, default=0, help="of the sample of training documents")
    given = parser.parse_args(arguments)
    try:
        for scored in score(given.folder, given.seed):
            print(json.dumps({**scored.stretch._asdict(), "nats": scored.nats}), flush=True)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
