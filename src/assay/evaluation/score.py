"""Bits per byte of a trained run on its corpus's held-out spans.

Each span is read as end-of-text followed by its tokens. The model predicts every token after the first, in chunks of
its context length that do not overlap; the sum of -ln p over a domain, divided by ln 2 and by the domain's bytes, is
its score. Bytes do not depend on the tokenizer, so scores compare across tokenizers (Gao et al. 2020, section 3.1).
"""

import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from assay.corpus.sealed import SealedSpan
from assay.corpus.tokenizers.kinds import load_tokenizer
from assay.evaluation.external import own_scores
from assay.evaluation.spans import read_spans, write_span_losses
from assay.spec.run import Scores
from assay.training.environment import prepare
from assay.training.files import replace_file
from assay.training.model import GPT
from assay.training.protocol import read_order
from assay.training.restore import load_model

TOKENS_AT_ONCE = 2048  # activations of one batch stay in a core's cache; larger batches were slower
_NONE = -100  # target of padding


def score_run(run_folder: Path) -> Scores:
    """Score the newest checkpoint in a run's folder and write `spans.safetensors` and `scores.json` there.

    Where the trainer has an evaluation command of its own, that scores it, and there are no `spans.safetensors`.

    Raises:
        UserError: no complete checkpoint, a damaged corpus, or an evaluation command that fails.
    """
    order = read_order(run_folder / "run.json")
    if order.self_scored:
        scores = own_scores(order, run_folder)
        replace_file(run_folder / "scores.json", (scores.model_dump_json(indent=1) + "\n").encode())
        return scores
    start = time.perf_counter()
    prepare()
    trained = load_model(run_folder)
    corpus = Path(trained.order.corpus_dir)
    spans, tokenizer = read_spans(corpus), load_tokenizer(corpus)
    encoded = tokenizer.encode_many([span.text for span in spans])
    streams = [np.concatenate(([tokenizer.end_of_text], tokens)) for tokens in encoded]
    losses = span_losses(trained.model, streams, context=trained.order.run.recipe.data.context)
    nats: dict[str, list[float]] = {}
    sizes: dict[str, int] = {}
    for span, loss in zip(spans, losses, strict=True):
        nats.setdefault(span.domain, []).append(loss)
        sizes[span.domain] = sizes.get(span.domain, 0) + len(span.text.encode())
    scores = Scores(
        bits_per_byte={name: math.fsum(values) / (math.log(2) * sizes[name]) for name, values in nats.items()},
        bytes=sizes,
        checkpoint=trained.weights,
        seconds=time.perf_counter() - start,
    )
    write_span_losses(run_folder, losses)
    replace_file(run_folder / "scores.json", (scores.model_dump_json(indent=1) + "\n").encode())
    return scores


def document_losses(run_folder: Path, corpus: Path, spans: Sequence[SealedSpan]) -> dict[tuple[str, str], float]:
    """Sum of -ln p (nats) over the spans of each document, by domain and document. Writes nothing.

    Raises:
        UserError: no complete checkpoint, or a damaged corpus.
    """
    prepare()
    trained, tokenizer = load_model(run_folder), load_tokenizer(corpus)
    encoded = tokenizer.encode_many([span.text for span in spans])
    streams = [np.concatenate(([tokenizer.end_of_text], tokens)) for tokens in encoded]
    losses: dict[tuple[str, str], float] = {}
    found = span_losses(trained.model, streams, context=trained.order.run.recipe.data.context)
    for span, loss in zip(spans, found, strict=True):
        place = span.domain, span.document
        losses[place] = losses.get(place, 0.0) + loss
    return losses


@torch.no_grad()
def span_losses(model: GPT, streams: Sequence[np.ndarray], context: int) -> list[float]:
    """Sum of -ln p (nats) over all tokens but the first of each stream, predicted in chunks of `context` inputs."""
    pieces = [(i, s, np.asarray(stream[s : s + context + 1])) for i, stream in enumerate(streams)
              for s in range(0, len(stream) - 1, context)]  # fmt: skip
    rows = max(1, TOKENS_AT_ONCE // context)
    totals: list[list[float]] = [[] for _ in streams]
    for first in range(0, len(pieces), rows):
        group = pieces[first : first + rows]
        inputs_BT = torch.zeros(len(group), context, dtype=torch.int64)
        targets_BT = torch.full((len(group), context), _NONE)
        for row, (_, _, tokens) in enumerate(group):  # padding comes last, and attention does not look ahead
            inputs_BT[row, : len(tokens) - 1] = torch.from_numpy(tokens[:-1].astype(np.int64))
            targets_BT[row, : len(tokens) - 1] = torch.from_numpy(tokens[1:].astype(np.int64))
        logits_BTV = model(inputs_BT)
        losses = F.cross_entropy(logits_BTV.flatten(0, 1), targets_BT.flatten(), ignore_index=_NONE, reduction="none")
        for (index, _, _), loss in zip(
            group, losses.view(len(group), context).sum(1, dtype=torch.float64), strict=True
        ):
            totals[index].append(loss.item())
    return [math.fsum(parts) for parts in totals]
