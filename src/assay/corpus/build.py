"""From text to a tokenised corpus: read once, drop duplicates, split, tokenise, and only then give it its name.

A corpus folder (`corpora/<id>/`) holds manifest.json, tokenizer.json (not for bytes), documents.parquet, spans.jsonl,
and train/<domain>-NNNNN.bin: little-endian tokens, of two bytes where the vocabulary allows it, else of four, each
document followed by end of text. Documents lie in the order of their hashes, so neither names nor places of files
decide anything.
"""

import errno
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from assay.corpus.documents import Document, Source
from assay.corpus.encoding import Encoding
from assay.corpus.manifest import Domain, HeldoutText, Manifest, TrainText, open_corpus
from assay.corpus.sealed import SEALED_SPANS, write_sealed
from assay.corpus.shards import Shards
from assay.corpus.sources import read_source
from assay.corpus.spans import choose_spans
from assay.corpus.split import choose_heldout, choose_sealed
from assay.corpus.spool import HELDOUT, SIDES, TRAIN, Spool
from assay.corpus.steps.account import Account, Amount, Flow
from assay.corpus.tables import DocumentTable
from assay.corpus.tokenizers.base import Tokenizer, token_type
from assay.corpus.tokenizers.kinds import tokenizer_named
from assay.corpus.workfolder import sync_tree, work_folder
from assay.spec.base import canonical_json, sha256_text
from assay.spec.errors import UserError

SPAN_BYTES = 32 * 1024
SHARD_BYTES = 64 << 20
LEAST_TRAIN_BYTES = 4 * 1024
BPE_SAMPLE_BYTES = 16 << 20
_FORMAT = 1  # counted up when the same text would give other tokens or spans
_REPORT_BYTES = 1 << 20

Progress = Callable[[int, int | None, str], None]
"""Called with bytes done, bytes in all (None: not known yet) and what is being done."""


class Built(NamedTuple):
    """What a build came to.

    Attributes:
        account: documents and bytes in and out, held-out and sealed ones included.
        copied: training documents and bytes whose tokens an earlier corpus had.
        encoded: those that had to be encoded.
    """

    manifest: Manifest
    account: Account
    copied: Amount
    encoded: Amount


def build_corpus(
    corpora_dir: Path,
    sources: Sequence[Source],
    tokenizer: str = "bytes",
    progress: Progress | None = None,
    *,
    vault: Path | None = None,
    span_bytes: int = SPAN_BYTES,
    shard_bytes: int = SHARD_BYTES,
    workers: int | None = None,
) -> Manifest:
    """Build the corpus of some sources, or find it built; it lies in `corpora_dir / manifest.id`.

    Args:
        As for `build_from`.

    Raises:
        UserError: a source cannot be read, two have one name, a domain is too small, or the disk is full. Nothing is
            left behind.
    """
    check_names(sources)
    documents = ((source.name, document) for source in sources for document in read_source(source))
    return build_from(
        corpora_dir, documents, tokenizer, progress, vault=vault, span_bytes=span_bytes, shard_bytes=shard_bytes,
        workers=workers,
    ).manifest  # fmt: skip


def build_from(
    corpora_dir: Path,
    documents: Iterable[tuple[str, Document]],
    tokenizer: str,
    progress: Progress | None = None,
    *,
    vault: Path | None = None,
    total: int | None = None,
    also: Sequence[Path] = (),
    span_bytes: int = SPAN_BYTES,
    shard_bytes: int = SHARD_BYTES,
    workers: int | None = None,
) -> Built:
    """Build the corpus of some documents, or find it built; it lies in `corpora_dir / manifest.id`.

    Text is streamed: memory does not grow with it, disk needs about five times its size while building. Killed and
    started again, it reads the text again and goes on with what was encoded.

    Args:
        documents: with the domain of each, in any order.
        tokenizer: `bytes`, `bpe:N` to train a byte-level BPE on the training side, or the path of a tokenizer.json.
        vault: where the sealed documents go, in `vault / manifest.id`; None seals nothing.
        total: bytes of all documents, where known.
        also: folders of other corpora whose tokens may be copied.
        span_bytes: held-out bytes a domain that evaluations score.
        shard_bytes: a shard is closed before the document that would make it larger.
        workers: processes that encode; None: one for each core.

    Raises:
        UserError: there is no document, a domain is too small, or the disk is full. Nothing is left behind.
    """
    wanted = tokenizer_named(tokenizer)
    report = progress or _silent
    with _disk_full_explained(corpora_dir), work_folder(corpora_dir) as work:
        (work / "corpus" / "train").mkdir(parents=True)
        with Spool(work) as spool:
            arrived = _take_in(spool, documents, total, report)
            names = list(arrived)
            if not names:
                raise UserError("there is no document to make a corpus of; add text with `assay corpus add`")
            _hold_out(spool, names, seal=vault is not None)
            report(0, None, f"training tokenizer {tokenizer}" if wanted.trained else "preparing to tokenise")
            made = wanted.make(lambda: _sample(spool, names))
            encoding = Encoding(corpora_dir, spool, made, workers or len(os.sched_getaffinity(0)), also)
            try:
                manifest = _write(
                    corpora_dir, vault, work / "corpus", spool, names, wanted.name, made, encoding, report, span_bytes,
                    shard_bytes,
                )  # fmt: skip
            except Exception:
                encoding.remove()
                raise
            encoding.remove()
            return Built(manifest, _account(spool, arrived), encoding.copied, encoding.encoded)


def _silent(done: int, total: int | None, message: str) -> None:
    pass


def _write(
    corpora_dir: Path,
    vault: Path | None,
    folder: Path,
    spool: Spool,
    names: Sequence[str],
    tokenizer_name: str,
    tokenizer: Tokenizer,
    encoding: Encoding,
    report: Progress,
    span_bytes: int,
    shard_bytes: int,
) -> Manifest:
    if tokenizer.serialised is not None:
        (folder / "tokenizer.json").write_text(tokenizer.serialised, encoding="utf-8")
    corpus_id = _identity(spool, names, tokenizer, span_bytes)
    final = corpora_dir / corpus_id
    commitment = "" if vault is None else write_sealed(spool, names, vault, corpus_id, SEALED_SPANS * span_bytes)
    try:
        present = open_corpus(final)
        if present.vault == commitment:
            return present
    except UserError:  # not there yet, or damaged
        pass
    total = sum(spool.totals(name, TRAIN)[1] for name in names)
    encoding.run(names, lambda done, message: report(done, total, message))
    domains: dict[str, Domain] = {}
    with DocumentTable(folder / "documents.parquet") as table:
        for name in names:
            train = Shards(folder, name, shard_bytes, token_type(tokenizer.vocab))
            for document, tokens in encoding.documents(name):
                table.add(name, document, *train.write(tokens))
            train.close()
            for document in spool.documents(name, HELDOUT):
                table.add(name, document)
            documents, size = spool.totals(name, TRAIN)
            heldout_documents, heldout_size = spool.totals(name, HELDOUT)
            domains[name] = Domain(
                train=TrainText(documents=documents, bytes=size, tokens=train.tokens, shards=tuple(train.names)),
                heldout=HeldoutText(documents=heldout_documents, bytes=heldout_size),
            )
    _write_spans(spool, names, folder / "spans.jsonl", span_bytes)
    report(total, total, "written")
    manifest = Manifest(
        id=corpus_id,
        tokenizer=tokenizer_name,
        vocab=tokenizer.vocab,
        end_of_text=tokenizer.end_of_text,
        domains=domains,
        dropped_duplicates=spool.dropped().documents,
        span_bytes=span_bytes,
        vault=commitment,
    )
    (folder / "manifest.json").write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    _publish(folder, final)
    return manifest


def _write_spans(spool: Spool, names: Sequence[str], path: Path, limit: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        for name in names:
            heldout = ((document.hash, document.content) for document in spool.documents(name, HELDOUT))
            for span in choose_spans(heldout, limit):
                file.write(json.dumps({"domain": name, **span._asdict()}) + "\n")


def check_names(sources: Sequence[Source]) -> None:
    """Raise `UserError` unless there are sources, each with a name of its own."""
    if not sources:
        raise UserError("a corpus needs at least one source; write for example prose=./books")
    names = [source.name for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"corpus domain '{name}' is given twice; give each source its own name")


def _take_in(
    spool: Spool, documents: Iterable[tuple[str, Document]], total: int | None, report: Progress
) -> dict[str, Amount]:
    """Put documents into the spool; what there was of each domain, in order of their names."""
    done = reported = 0
    numbers: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for name, document in documents:
        if name not in numbers or done - reported >= _REPORT_BYTES:
            report(done, total, f"reading {name}")
            reported = done
        size = spool.add(name, document)
        done += size
        numbers[name], sizes[name] = numbers.get(name, 0) + 1, sizes.get(name, 0) + size
    return {name: Amount(documents=numbers[name], bytes=sizes[name]) for name in sorted(numbers)}


def _account(spool: Spool, arrived: dict[str, Amount]) -> Account:
    def kept(name: str) -> Amount:
        sides = (Amount(documents=n, bytes=size) for n, size in (spool.totals(name, side) for side in SIDES))
        return sum(sides, Amount())

    dropped = spool.dropped()
    domains = {name: Flow.model_validate({"in": into, "out": kept(name)}) for name, into in arrived.items()}
    said = {
        "step": "tokenize",
        "in": sum(arrived.values(), Amount()),
        "out": sum((flow.out for flow in domains.values()), Amount()),
        "removed": {"exact_duplicate": dropped} if dropped.documents else {},
        "domains": domains,
    }
    return Account.model_validate(said)


def _hold_out(spool: Spool, names: Sequence[str], seal: bool) -> None:
    draws = {name: spool.draws(name) for name in names}
    for name in names:
        if not len(draws[name]):
            raise UserError(
                f"domain '{name}' has nothing left once exact duplicates are dropped: all its text is also in "
                f"other domains; leave one of them out"
            )
        if len(draws[name]) == 1:
            raise UserError(
                f"domain '{name}' has no text beyond one source document, so nothing can be held out for "
                f"evaluation; give it at least two files or records"
            )
    heldout = choose_heldout(draws)
    spool.divide(heldout, choose_sealed(draws, heldout) if seal else heldout[:0])
    for name in names:
        size = spool.totals(name, TRAIN)[1]
        if size < LEAST_TRAIN_BYTES:
            raise UserError(
                f"domain '{name}' has only {size} bytes of training text, which is too small to train on; "
                f"give it at least {LEAST_TRAIN_BYTES}, better some megabytes"
            )


def _sample(spool: Spool, names: Sequence[str]) -> Iterator[bytes]:
    """Training text for the tokenizer: the same number of bytes of each domain, as far as it has them."""
    for name in names:
        left = BPE_SAMPLE_BYTES // len(names)
        for document in spool.documents(name, TRAIN):
            yield document.content[:left].decode(errors="ignore").encode()
            left -= len(document.content)
            if left <= 0:
                break


def _identity(spool: Spool, names: Sequence[str], tokenizer: Tokenizer, span_bytes: int) -> str:
    """Content hash of everything that decides tokens and spans."""

    def digest(hashes: Iterable[bytes]) -> str:
        whole = hashlib.sha256()
        for part in hashes:
            whole.update(part)
        return whole.hexdigest()

    said = {
        "format": _FORMAT,
        "tokenizer": "bytes" if tokenizer.serialised is None else sha256_text(tokenizer.serialised),
        "span_bytes": span_bytes,
        "domains": {name: [digest(spool.hashes(name, side)) for side in (TRAIN, HELDOUT)] for name in names},
    }
    return sha256_text(canonical_json(said))[:16]


def _publish(folder: Path, final: Path) -> None:
    """Flush everything to disk, then give the folder its name in one step."""
    sync_tree(folder)
    if final.exists():  # damaged: `_build` could not open it
        shutil.rmtree(final)
    folder.rename(final)


@contextmanager
def _disk_full_explained(corpora_dir: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or getattr(error, "sqlite_errorname", "") == "SQLITE_FULL":
            raise UserError(
                f"disk full while building the corpus in {corpora_dir}; nothing was left behind; free some space "
                f"(building takes about five times the size of the text) and run the same command again"
            ) from None
        raise
