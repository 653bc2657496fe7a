"""Training documents to tokens: in several processes, and none twice.

Documents that another corpus of the lab has in tokens of the same tokenizer are copied from it. The others are encoded
in parts of some megabytes, each a file named by what is in it, so that a build that was killed goes on where it was.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from assay.corpus.manifest import open_corpus
from assay.corpus.spool import Known, Place, Spool, Spooled
from assay.corpus.steps.pool import ordered
from assay.corpus.tokenizers.base import Tokenizer, token_type
from assay.spec.base import sha256_text
from assay.spec.errors import UserError

PART_BYTES = 4 << 20
#: With less text than this a second process takes longer to start than it saves.
_WORTH_WORKERS = 8 << 20


class Part(NamedTuple):
    """Consecutive documents of a domain that nobody has encoded yet."""

    path: Path
    places: list[Place]

    @property
    def bytes(self) -> int:
        return sum(place.bytes for place in self.places)


class Encoding:
    """The training documents of a build on their way to tokens.

    Args:
        corpora: where other corpora are, and where parts are kept until the build is done.
        workers: processes.
        also: folders of other corpora whose tokens may be copied.

    Attributes:
        encoded: what had to be encoded, kept parts of a killed build included.
        copied: what another corpus had in tokens.
    """

    def __init__(
        self, corpora: Path, spool: Spool, tokenizer: Tokenizer, workers: int, also: Sequence[Path] = ()
    ) -> None:
        self._spool, self._tokenizer = spool, tokenizer
        digest = sha256_text(tokenizer.serialised or "bytes")[:16]
        self._folder = corpora / f".tokens-{digest}"
        self._kind = token_type(tokenizer.vocab)
        self._shards: dict[str, np.ndarray] = {}
        for folder in sorted(folder for place in (corpora, *also) for folder in place.iterdir()):
            if not folder.name.startswith(".") and _has_tokenizer(folder, tokenizer):
                spool.note(_tokens_of(folder))
        self.copied, self.encoded = spool.known()
        self._workers = workers if self.encoded.bytes >= _WORTH_WORKERS else 1

    def run(self, names: Sequence[str], report: Callable[[int, str], None]) -> None:
        """Encode what nobody has encoded yet; `report` is called with bytes done and what is being done."""
        os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one core a worker; and its threads do not survive a fork
        self._folder.mkdir(exist_ok=True)
        done = self.copied.bytes
        parts = chain.from_iterable(((name, part) for part in self._parts(name)) for name in names)
        encode = partial(_encode, self._spool.path, self._tokenizer)
        for name, size in ordered(encode, parts, self._workers):
            done += size
            report(done, f"tokenising {name}")

    def documents(self, name: str) -> Iterator[tuple[Spooled, np.ndarray]]:
        """Training documents of a domain in ascending order of their hashes, each with its tokens and end of text."""
        fresh = self._fresh(name)
        for document, known in self._spool.training(name):
            if known is None:
                yield document, next(fresh)
            else:
                yield document, self._shard(known.shard)[known.offset : known.offset + known.tokens]

    def remove(self) -> None:
        """Remove the parts, which are in the corpus by now."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _parts(self, name: str) -> Iterator[Part]:
        places: list[Place] = []
        size = 0
        for place in self._spool.unknown(name):
            places.append(place)
            size += place.bytes
            if size >= PART_BYTES:
                yield self._part(places)
                places, size = [], 0
        if places:
            yield self._part(places)

    def _part(self, places: list[Place]) -> Part:
        digest = hashlib.sha256(b"".join(place.hash for place in places)).hexdigest()
        return Part(self._folder / f"{digest[:32]}.bin", places)

    def _fresh(self, name: str) -> Iterator[np.ndarray]:
        for part in self._parts(name):
            tokens = np.fromfile(part.path, self._kind)
            yield from np.split(tokens, np.flatnonzero(tokens == self._tokenizer.end_of_text)[:-1] + 1)

    def _shard(self, path: str) -> np.ndarray:
        if path not in self._shards:
            self._shards[path] = np.memmap(path, self._kind, "r")
        return self._shards[path]


def _encode(texts: Path, tokenizer: Tokenizer, named: tuple[str, Part]) -> tuple[str, int]:
    """Write the tokens of a part, unless it is there; its domain and bytes."""
    name, part = named
    if not part.path.exists():
        kind = token_type(tokenizer.vocab)
        temporary = part.path.with_suffix(f".{os.getpid()}")
        with temporary.open("wb") as file:
            for tokens in tokenizer.encode_stream(_read(texts, part.places)):
                file.write(tokens.astype(kind, copy=False).tobytes())
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(part.path)
    return name, part.bytes


def _read(texts: Path, places: Iterable[Place]) -> Iterator[bytes]:
    with texts.open("rb") as file:
        for place in places:
            file.seek(place.start)
            yield file.read(place.bytes)


def _has_tokenizer(folder: Path, tokenizer: Tokenizer) -> bool:
    """Whether a folder is a whole corpus in tokens of this tokenizer."""
    try:
        manifest = open_corpus(folder)
        if tokenizer.serialised is None:
            return manifest.tokenizer == "bytes"
        return (folder / "tokenizer.json").read_text(encoding="utf-8") == tokenizer.serialised
    except (UserError, OSError):
        return False


def _tokens_of(folder: Path) -> Iterator[tuple[bytes, Known]]:
    """Where the tokens of a corpus' training documents are, by the hashes of their texts."""
    columns = ["hash", "shard", "offset", "tokens"]
    with pq.ParquetFile(folder / "documents.parquet") as file:
        for batch in file.iter_batches(columns=columns):
            for row in batch.to_pylist():
                if row["shard"] is not None:
                    place = Known(str(folder / row["shard"]), row["offset"], row["tokens"])
                    yield bytes.fromhex(row["hash"]), place
