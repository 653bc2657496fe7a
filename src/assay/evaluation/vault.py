"""`python -m assay.evaluation.vault`: the only program that opens the vault. Asks it one question; prints 1 or 0.

The question comes on standard input (`Query`, as JSON), since other processes can see a command line. What it measures
stays in the vault's folder: queries.jsonl, one line a question, for the vault's owner to audit. The same question gets
the same answer from there, so a controller that died before it had written it down asks again and learns no more.
Errors are told in one sentence that holds nothing of the vault; errors.txt in its folder says more.
"""

import fcntl
import json
import math
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field

from assay.corpus.sealed import open_sealed, read_part
from assay.evaluation.ladder import Answer, ask
from assay.spec.base import Frozen
from assay.spec.errors import UserError

QUERIES = "queries.jsonl"


class Query(Frozen):
    """One question: is the candidate better than the champion on the sealed documents?"""

    key: str = Field(description="names the question; the same key gets the same answer")
    vault: str = Field(description="the vault's folder of this corpus")
    commitment: str = Field(description="what the corpus' manifest says of it")
    part: int = Field(ge=0)
    corpus_dir: str
    weights: dict[str, float] = Field(description="of each domain in the deciding score")
    pairs: tuple[tuple[str, str], ...] = Field(min_length=2, description="run folders of champion and candidate")


def answer(query: Query) -> bool:
    """The bit. Asks the vault only if it was not asked before.

    Raises:
        UserError: the vault is not what the manifest says, or a run cannot be scored.
    """
    folder = Path(query.vault)
    with _locked(folder):
        known = {record["key"]: record for record in read_queries(folder)}
        if query.key not in known:
            found = _measure(query, folder)
            record = {"key": query.key, "part": query.part, **found._asdict()}
            _append(folder / QUERIES, record)
            known[query.key] = record
        return bool(known[query.key]["bit"])


def read_queries(folder: Path) -> list[dict[str, Any]]:
    """The vault's own record of what it was asked, oldest first; a line cut short by a kill was never answered."""
    try:
        text = (folder / QUERIES).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def _measure(query: Query, folder: Path) -> Answer:
    from assay.evaluation.score import document_losses

    sealed = open_sealed(folder)
    if sealed.commitment != query.commitment:
        raise UserError("the vault is not the one that was sealed with this corpus")
    spans = read_part(folder, sealed, query.part)
    sizes: dict[tuple[str, str], int] = {}
    for span in spans:
        place = span.domain, span.document
        sizes[place] = sizes.get(place, 0) + len(span.text.encode())
    weights = document_weights(sizes, query.weights)
    differences: list[list[float]] = []
    for pair in query.pairs:
        champion, candidate = (document_losses(Path(run), Path(query.corpus_dir), spans) for run in pair)
        differences.append([(champion[place] - candidate[place]) / (math.log(2) * sizes[place]) for place in weights])
    return ask(differences, list(weights.values()))


def document_weights(sizes: dict[tuple[str, str], int], domains: dict[str, float]) -> dict[tuple[str, str], float]:
    """Weight of each document, by domain and document: as in the deciding score, over the domains that there are.

    Raises:
        UserError: the score rests on none of them.
    """
    totals: dict[str, int] = {}
    for (domain, _), size in sizes.items():
        totals[domain] = totals.get(domain, 0) + size
    whole = sum(domains.get(domain, 0.0) for domain in totals)
    if whole == 0:
        raise UserError("no domain of the deciding score has sealed documents")
    return {
        place: domains[place[0]] / whole * size / totals[place[0]]
        for place, size in sizes.items()
        if domains.get(place[0], 0.0) > 0
    }


def _append(path: Path, record: dict[str, Any]) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        end = file.read().rfind(b"\n") + 1  # a line that a kill cut short goes
        file.truncate(end)
        file.seek(end)
        file.write(json.dumps(record).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise UserError(f"the vault cannot be opened ({error.strerror})") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def main() -> int:
    """Answer the question on standard input; the exit code is 2 where it cannot be answered."""
    query = Query.model_validate_json(sys.stdin.read())
    try:
        bit = answer(query)
    except Exception as error:
        try:
            with open(Path(query.vault) / "errors.txt", "a", encoding="utf-8", opener=_private) as file:
                traceback.print_exc(file=file)
        except OSError:
            pass
        told = str(error) if isinstance(error, UserError) else f"{type(error).__name__}; errors.txt in it says more"
        print(f"error: {told}", file=sys.stderr)
        return 2
    print(int(bit))
    return 0


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


if __name__ == "__main__":
    sys.exit(main())
