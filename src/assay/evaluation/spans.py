"""`spans.jsonl` of a corpus: the held-out byte spans that every evaluation scores."""

import json
from pathlib import Path
from typing import NamedTuple

from assay.spec.errors import UserError


class Span(NamedTuple):
    """A piece of a held-out document."""

    domain: str
    text: str


def read_spans(corpus: Path) -> list[Span]:
    """All spans, in the file's order. Raises `UserError` when the file is missing, empty or damaged."""
    path = corpus / "spans.jsonl"
    spans: list[Span] = []
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    row = json.loads(line)
                    spans.append(Span(row["domain"], row["text"]))
                except (ValueError, KeyError, TypeError):
                    raise UserError(
                        f"{path}, line {number}: expected an object with 'domain' and 'text'; build the corpus again"
                    ) from None
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; a corpus has its held-out spans there, so build it again") from None
    if not spans:
        raise UserError(f"{path}: empty; a corpus has its held-out spans there, so build it again")
    return spans
