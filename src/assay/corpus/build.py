"""From text to a tokenised corpus: read once, drop duplicates, split, tokenise, and only then give it its name.

A corpus folder (`corpora/<id>/`) holds manifest.json, tokenizer.json (BPE only), documents.parquet, spans.jsonl and
train/<domain>-NNNNN.bin: little-endian uint16 tokens, each document followed by end of text. Documents lie in
the order of their hashes, so neither names nor places of files decide anything.
"""

import errno
import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from assay.corpus.documents import Source
from assay.corpus.manifest import Domain, HeldoutText, Manifest, TrainText, open_corpus
from assay.corpus.sealed import SEALED_SPANS, write_sealed
from assay.corpus.sources import read_source
from assay.corpus.spans import choose_spans
from assay.corpus.split import choose_heldout, choose_sealed
from assay.corpus.spool import HELDOUT, TRAIN, Spool, Spooled
from assay.corpus.tables import DocumentTable
from assay.corpus.tokenizers import Bpe, Bytes, Tokenizer, bpe_size, train_bpe
from assay.corpus.workfolder import sync_tree, work_folder
from assay.spec.base import canonical_json, sha256_text
from assay.spec.errors import UserError

SPAN_BYTES = 32 * 1024
SHARD_BYTES = 64 << 20
LEAST_TRAIN_BYTES = 4 * 1024
BPE_SAMPLE_BYTES = 16 << 20
_FORMAT = 1  # counted up when the same text would give other tokens or spans
_BATCH_BYTES = 1 << 20

Progress = Callable[[int, int | None, str], None]
"""Called with bytes done, bytes in all (None: not known yet) and what is being done."""


def build_corpus(
    corpora_dir: Path,
    sources: Sequence[Source],
    tokenizer: str = "bytes",
    progress: Progress | None = None,
    *,
    vault: Path | None = None,
    span_bytes: int = SPAN_BYTES,
    shard_bytes: int = SHARD_BYTES,
) -> Manifest:
    """Build the corpus of some sources, or find it built; it lies in `corpora_dir / manifest.id`.

    Text is streamed: memory does not grow with it, disk needs about four times its size while building.

    Args:
        tokenizer: `bytes`, or `bpe:N` to train a byte-level BPE on the training side.
        vault: where the sealed documents go, in `vault / manifest.id`; None seals nothing.
        span_bytes: held-out bytes a domain that evaluations score.
        shard_bytes: a shard is closed before the document that would make it larger.

    Raises:
        UserError: a source cannot be read, two have one name, a domain is too small, or the disk is full. Nothing is
            left behind.
    """
    bpe_size(tokenizer)
    _check_names(sources)
    report = progress or _silent
    with _disk_full_explained(corpora_dir), work_folder(corpora_dir) as work:
        (work / "corpus" / "train").mkdir(parents=True)
        with Spool(work) as spool:
            return _build(corpora_dir, vault, work, spool, sources, tokenizer, report, span_bytes, shard_bytes)


def _silent(done: int, total: int | None, message: str) -> None:
    pass


def _build(
    corpora_dir: Path,
    vault: Path | None,
    work: Path,
    spool: Spool,
    sources: Sequence[Source],
    tokenizer_name: str,
    report: Progress,
    span_bytes: int,
    shard_bytes: int,
) -> Manifest:
    names = sorted(source.name for source in sources)
    _spool_sources(spool, sources, report)
    _hold_out(spool, names, seal=vault is not None)
    folder = work / "corpus"
    tokenizer = _tokenizer(spool, names, tokenizer_name, folder, report)
    corpus_id = _identity(spool, names, folder, span_bytes)
    final = corpora_dir / corpus_id
    commitment = "" if vault is None else write_sealed(spool, names, vault, corpus_id, SEALED_SPANS * span_bytes)
    try:
        present = open_corpus(final)
        if present.vault == commitment:
            return present
    except UserError:  # not there yet, or damaged
        pass
    domains: dict[str, Domain] = {}
    with DocumentTable(folder / "documents.parquet") as table:
        total = sum(spool.totals(name, TRAIN)[1] for name in names)
        done = 0
        for name in names:
            train = _Shards(folder, name, shard_bytes)
            for batch in _batches(spool.documents(name, TRAIN)):
                report(done, total, f"tokenising {name}")
                encoded = tokenizer.encode_many([document.content.decode() for document in batch])
                for document, tokens in zip(batch, encoded, strict=True):
                    table.add(name, document, *train.write(tokens, tokenizer.end_of_text))
                done += sum(len(document.content) for document in batch)
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
        dropped_duplicates=spool.dropped(),
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


def _check_names(sources: Sequence[Source]) -> None:
    if not sources:
        raise UserError("a corpus needs at least one source; write for example prose=./books")
    names = [source.name for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"corpus domain '{name}' is given twice; give each source its own name")


def _spool_sources(spool: Spool, sources: Sequence[Source], report: Progress) -> None:
    done, reported = 0, 0
    for source in sources:
        report(done, None, f"reading {source.name}")
        for document in read_source(source):
            done += spool.add(source.name, document)
            if done - reported >= _BATCH_BYTES:
                report(done, None, f"reading {source.name}")
                reported = done


def _hold_out(spool: Spool, names: Sequence[str], seal: bool) -> None:
    draws = {name: spool.draws(name) for name in names}
    for name in names:
        if not len(draws[name]):
            raise UserError(
                f"domain '{name}' has nothing left once exact duplicates are dropped: all its text is also in "
                f"other domains; leave one of them out"
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


def _tokenizer(spool: Spool, names: Sequence[str], name: str, folder: Path, report: Progress) -> Tokenizer:
    size = bpe_size(name)
    if size is None:
        return Bytes()
    report(0, None, f"training tokenizer {name}")
    serialised = train_bpe(list(_sample(spool, names)), size)
    (folder / "tokenizer.json").write_text(serialised, encoding="utf-8")
    return Bpe(serialised)


def _sample(spool: Spool, names: Sequence[str]) -> Iterator[str]:
    """Training text for the tokenizer: the same number of bytes of each domain, as far as it has them."""
    for name in names:
        left = BPE_SAMPLE_BYTES // len(names)
        for document in spool.documents(name, TRAIN):
            yield document.content[:left].decode(errors="ignore")
            left -= len(document.content)
            if left <= 0:
                break


def _identity(spool: Spool, names: Sequence[str], folder: Path, span_bytes: int) -> str:
    """Content hash of everything that decides tokens and spans."""

    def digest(hashes: Iterable[bytes]) -> str:
        whole = hashlib.sha256()
        for part in hashes:
            whole.update(part)
        return whole.hexdigest()

    bpe = folder / "tokenizer.json"
    said = {
        "format": _FORMAT,
        "tokenizer": sha256_text(bpe.read_text(encoding="utf-8")) if bpe.exists() else "bytes",
        "span_bytes": span_bytes,
        "domains": {name: [digest(spool.hashes(name, side)) for side in (TRAIN, HELDOUT)] for name in names},
    }
    return sha256_text(canonical_json(said))[:16]


def _batches(documents: Iterator[Spooled]) -> Iterator[list[Spooled]]:
    batch: list[Spooled] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += len(document.content)
        if size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class _Shards:
    """Writes the token stream of a domain. Use `write` for each document, then `close`."""

    def __init__(self, folder: Path, domain: str, shard_bytes: int) -> None:
        self._folder, self._domain, self._most = folder, domain, shard_bytes // 2
        self._file: BinaryIO | None = None
        self._length = 0
        self.tokens = 0
        self.names: list[str] = []

    def write(self, tokens: np.ndarray, end_of_text: int) -> tuple[str, int, int]:
        """Append a document and end of text; returns shard, offset in it in tokens, and tokens written."""
        stream = np.append(tokens, end_of_text).astype("<u2")
        if self._file is None or self._length + len(stream) > self._most:
            self.close()
            self.names.append(f"train/{self._domain}-{len(self.names):05}.bin")
            self._file, self._length = open_new(self._folder / self.names[-1]), 0
        self._file.write(stream.tobytes())
        offset = self._length
        self._length += len(stream)
        self.tokens += len(stream)
        return self.names[-1], offset, len(stream)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def open_new(path: Path) -> BinaryIO:
    """A new file to write to."""
    return path.open("xb")


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
                f"(building takes about four times the size of the text) and run the same command again"
            ) from None
        raise
