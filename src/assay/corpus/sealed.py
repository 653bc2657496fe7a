"""The vault's text: sealed documents in storage of their own, outside the corpus.

`vault/<corpus id>/` holds vault.json, part-N.jsonl (sealed spans; `assay vault rotate` goes from part to part) and
documents.jsonl (where they come from). Only the user who owns it may enter. The corpus' manifest carries a hash of it
and nothing else, so neither text, names nor sizes of sealed documents are among what training reads.
"""

import json
import os
import shutil
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from assay.corpus.private import write_private
from assay.corpus.spans import choose_spans
from assay.corpus.spool import SEALED, Spool, Spooled
from assay.spec.base import Frozen, canonical_json, sha256_text
from assay.spec.errors import UserError

#: Sealed bytes a domain and part, as a multiple of the bytes that ordinary evaluations score: a query is rare.
SEALED_SPANS = 2
#: One part is worth more than two of half its size, so only a large vault is divided.
DOCUMENTS_A_PART = 400
MOST_PARTS = 3


class Amount(Frozen):
    """What a part holds of a domain."""

    documents: int
    bytes: int
    squares: float = Field(description="sum of the squared shares of its documents in the bytes; 1/documents if even")


class Part(Frozen):
    """One of the sets of spans between which `assay vault rotate` moves on."""

    sha256: str = Field(description="of its file")
    domains: dict[str, Amount]


class SealedSpan(NamedTuple):
    """A piece of a sealed document; `document` is the SHA-256 of its text in hex."""

    domain: str
    document: str
    text: str


class Sealed(Frozen):
    """`vault.json`: what a vault holds."""

    corpus: str = Field(description="the corpus that it was split from")
    parts: tuple[Part, ...] = Field(min_length=1)
    without: tuple[str, ...] = Field(description="domains too small to spare any document")

    @property
    def commitment(self) -> str:
        """What the manifest carries: changing one byte of one span changes it."""
        return sha256_text(canonical_json([part.sha256 for part in self.parts]))


def write_sealed(spool: Spool, names: Sequence[str], vault: Path, corpus_id: str, limit: int) -> str:
    """Write the sealed documents of a build to `vault / corpus_id`; returns the commitment, or '' if there are none.

    A vault that is there already keeps its folder, and so its record of queries.

    Args:
        limit: most bytes of a domain in a part.
    """
    counts = {name: sum(1 for _ in spool.hashes(name, SEALED)) for name in names}
    if not any(counts.values()):
        return ""
    number = min(MOST_PARTS, max(1, sum(counts.values()) // DOCUMENTS_A_PART))
    vault.mkdir(mode=0o700, parents=True, exist_ok=True)
    vault.chmod(0o700)
    work = vault / f".tmp-{os.getpid()}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700)
    try:
        parts = tuple(_write_part(work / f"part-{i}.jsonl", spool, names, i, number, limit) for i in range(number))
        without = tuple(name for name in names if not counts[name])
        sealed = Sealed(corpus=corpus_id, parts=parts, without=without)
        rows = [_provenance(name, document) for name in names for document in spool.documents(name, SEALED)]
        write_private(work / "documents.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        write_private(work / "vault.json", sealed.model_dump_json(indent=1) + "\n")
        final = vault / corpus_id
        if final.is_dir() and open_sealed(final).commitment == sealed.commitment:
            return sealed.commitment
        work.rename(final)
        return sealed.commitment
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write_part(path: Path, spool: Spool, names: Sequence[str], i: int, number: int, limit: int) -> Part:
    lines: list[str] = []
    domains: dict[str, Amount] = {}
    for name in names:
        dealt = islice(spool.documents(name, SEALED), i, None, number)
        spans = list(choose_spans(((document.hash, document.content) for document in dealt), limit))
        lines += [json.dumps({"domain": name, **span._asdict()}) + "\n" for span in spans]
        sizes: dict[str, int] = {}
        for span in spans:
            sizes[span.document] = sizes.get(span.document, 0) + span.end - span.start
        if spans:
            total = sum(sizes.values())
            squares = sum((size / total) ** 2 for size in sizes.values())
            domains[name] = Amount(documents=len(sizes), bytes=total, squares=squares)
    text = "".join(lines)
    write_private(path, text)
    return Part(sha256=sha256_text(text), domains=domains)


def _provenance(name: str, document: Spooled) -> dict[str, str]:
    return {
        "domain": name, "id": document.id, "source": document.source, "licence": document.licence,
        "hash": document.hash.hex(),
    }  # fmt: skip


def open_sealed(folder: Path) -> Sealed:
    """Read `vault.json`. Raises `UserError` when it is missing, damaged or out of reach."""
    path = folder / "vault.json"
    try:
        return Sealed.parse(json.loads(path.read_text(encoding="utf-8")), str(path))
    except FileNotFoundError:
        raise UserError(f"{folder}: the sealed documents are missing; restore the folder from a copy") from None
    except PermissionError:
        raise UserError(f"{folder}: the sealed documents belong to another user, who made this lab") from None
    except ValueError as error:
        raise UserError(f"{path}: damaged ({error}); restore the folder from a copy") from None


def read_part(folder: Path, sealed: Sealed, number: int) -> list[SealedSpan]:
    """The spans of a part. Raises `UserError` when a byte of them is not what was sealed."""
    try:
        text = (folder / f"part-{number}.jsonl").read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"part {number} of the vault cannot be read ({error.strerror})") from None
    if sha256_text(text) != sealed.parts[number].sha256:
        raise UserError(f"part {number} of the vault is not what was sealed; restore its folder from a copy")
    rows = map(json.loads, text.splitlines())
    return [SealedSpan(row["domain"], row["document"], row["text"]) for row in rows]
