"""`spans.jsonl` of a corpus, the held-out byte spans that every evaluation scores, and a run's loss on each of them."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from assay.corpus.manifest import is_withdrawn, open_corpus
from assay.spec.errors import UserError
from assay.training.files import replace_file

LOSSES = "spans.safetensors"


class Span(NamedTuple):
    """A piece of a held-out document."""

    domain: str
    text: str
    document: str = ""


def read_spans(corpus: Path) -> list[Span]:
    """All spans, in the file's order. Raises `UserError` when the file is missing, empty or damaged."""
    path = corpus / "spans.jsonl"
    spans: list[Span] = []
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    row = json.loads(line)
                    spans.append(Span(row["domain"], row["text"], row.get("document", "")))
                except (ValueError, KeyError, TypeError):
                    raise UserError(
                        f"{path}, line {number}: expected an object with 'domain' and 'text'; build the corpus again"
                    ) from None
    except FileNotFoundError:
        if is_withdrawn(corpus):
            open_corpus(corpus)  # which says why
        raise UserError(f"{path}: no such file; a corpus has its held-out spans there, so build it again") from None
    if not spans:
        raise UserError(f"{path}: empty; a corpus has its held-out spans there, so build it again")
    return spans


def write_span_losses(run_folder: Path, nats: list[float]) -> None:
    """Write the sum of -ln p over each span, in the order of `read_spans`, to `spans.safetensors`, all or nothing."""
    from safetensors.numpy import save

    replace_file(run_folder / LOSSES, save({"nats": np.array(nats, dtype=np.float64)}))


def read_span_losses(run_folder: Path) -> np.ndarray | None:
    """Nats on each span, in the order of `read_spans`; None where a run has none (an earlier version scored it).

    Raises:
        UserError: the file is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = run_folder / LOSSES
    try:
        return load_file(path)["nats"]
    except FileNotFoundError:
        return None
    except (SafetensorError, KeyError) as error:
        raise UserError(f"{path} is damaged ({error}); delete scores.json beside it to score the run again") from None
