"""Bare files as the input of a step: one file, or a folder of them."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from assay.corpus.bad import BadDocument
from assay.corpus.documents import UNKNOWN_LICENCE, Document, content_group, id_group
from assay.corpus.files import TEXT_SUFFIXES, read_parts, read_whole
from assay.corpus.records import clean
from assay.corpus.sources import RECORD_SUFFIXES
from assay.corpus.steps.facts import Facts, examine, load_line
from assay.corpus.steps.lines import Lines, document_lines, parquet_lines, read_lines
from assay.corpus.steps.pool import ordered
from assay.corpus.steps.repeated import repeated
from assay.corpus.steps.surveys import Surveys
from assay.corpus.texts import Texts
from assay.spec.errors import UserError

Reader = Callable[[], Iterator[Lines | BadDocument]]


@dataclass(frozen=True)
class BareShard:
    """A file of the input, or all plain text files of a folder.

    Attributes:
        name: without extension; what comes out of it is called so too.
        domain: of its records that name none.
        path: for messages.
        size: in bytes.
        read: gives its lines.
    """

    name: str
    domain: str
    path: Path
    size: int
    read: Reader


class BareBatch:
    """Documents of a batch of lines, parsed when a text or a field is asked for.

    Attributes:
        first: number of the first of them.
        facts: about them.
        lines: what they were read from.
    """

    def __init__(self, lines: Lines, first: int, domain: str, facts: Facts | None, skip_bad: bool) -> None:
        self.lines, self.first = lines, first
        self._texts: Texts | None = None
        if facts is None:
            self.facts, self.__dict__["records"], self._texts = examine(lines, domain, skip_bad)
        else:
            self.facts = facts

    def __len__(self) -> int:
        return len(self.facts)

    @cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Start, end and number of the line of each document."""
        bad = self.facts.bad
        starts, ends, numbers = self.lines.bounds
        return (
            (np.delete(starts, bad), np.delete(ends, bad), np.delete(numbers, bad))
            if len(bad)
            else (starts, ends, numbers)
        )

    @cached_property
    def records(self) -> list[Any]:
        """The JSON object of each document."""
        starts, ends, _ = self.bounds
        raw = self.lines.raw
        return [load_line(raw[start:end]) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]

    @property
    def texts(self) -> Texts:
        if self._texts is None:
            self._texts = Texts.of([record["text"] for record in self.records])
        return self._texts

    @property
    def sizes(self) -> np.ndarray:
        return self.facts.sizes

    @property
    def domains(self) -> tuple[np.ndarray, list[str]]:
        return self.facts.domains, self.facts.names

    def column(self, name: str) -> Sequence[str]:
        """A field of each document."""
        if name == "domain":
            return [self.facts.names[code] for code in self.facts.domains]
        if name == "id":
            return [self._id(i, record) for i, record in enumerate(self.records)]
        if name == "group":
            return [
                record.get("group") or (content_group(self.texts.bytes(i)) if record.get("id") is None
                else id_group(clean(record["id"])))
                for i, record in enumerate(self.records)
            ]  # fmt: skip
        default = {"source": "", "licence": UNKNOWN_LICENCE, "retrieved": ""}[name]
        other = "license" if name == "licence" else name
        return [clean(record.get(name) or record.get(other) or default) for record in self.records]

    def _id(self, i: int, record: Any) -> str:
        given = record.get("id")
        return f"{self.lines.path.name}:{self.bounds[2][i]}" if given is None else clean(given)


@dataclass(frozen=True)
class BarePiece:
    """A batch that is still to be parsed.

    Attributes:
        index: place among the pieces of the input.
        shard: place of its file among the files.
        first: number of its first document; of the line, as long as no line has been looked at.
        done: bytes of the input read so far.
    """

    index: int
    shard: int
    first: int
    done: int
    lines: Lines
    domain: str
    facts: Surveys
    skip_bad: bool

    def load(self) -> BareBatch:
        """The documents. The first time, the lines are checked and what was found is kept for later."""
        if self.facts.has(self.index):
            return BareBatch(self.lines, self.first, self.domain, Facts.of(self.facts.load(self.index)), False)
        batch = BareBatch(self.lines, self.first, self.domain, None, self.skip_bad)
        self.facts.save(self.index, batch.facts.arrays())
        return batch


class BareInput:
    """One bare file, or a folder of them.

    Attributes:
        shards: its files.
        size: bytes of them all.
        bad: what was passed over, by kind; complete after `prepare`.

    Raises:
        UserError: there is nothing there that could be read.
    """

    def __init__(self, path: Path, work: Path, *, skip_bad: bool = False) -> None:
        self.path, self._skip_bad = path, skip_bad
        self.shards = bare_shards(path / "kept" if (path / "kept").is_dir() else path)
        self.size = sum(shard.size for shard in self.shards)
        self.bad: dict[str, int] = {}
        self._facts = Surveys(work / "facts")
        self._damaged: set[str] = set()

    @property
    def names(self) -> list[str]:
        return [shard.name for shard in self.shards]

    def pieces(self) -> Iterator[BarePiece]:
        """Batches in order. Raises `BadDocument` where a file is damaged."""
        index, first, before = 0, 0, 0
        for number, shard in enumerate(self.shards):
            for lines in shard.read():
                if isinstance(lines, BadDocument):
                    self._pass_over(lines)
                    continue
                known = Facts.of(self._facts.load(index)) if self._facts.has(index) else None
                done = before + min(lines.position, shard.size)
                yield BarePiece(index, number, first, done, lines, shard.domain, self._facts, self._skip_bad)
                first += len(lines) if known is None else len(known)
                index += 1
            before += shard.size

    def _pass_over(self, bad: BadDocument) -> None:
        if not self._skip_bad:
            raise bad
        if str(bad) not in self._damaged:
            self._damaged.add(str(bad))
            self.bad[bad.kind] = self.bad.get(bad.kind, 0) + 1

    def prepare(self, workers: int, progress: Callable[[int], None]) -> None:
        """Find what is to be passed over, before anything counts documents."""
        if self._skip_bad:
            for done in ordered(_look, self.pieces(), workers):
                progress(done)
            self.check()
            for arrays in self._facts:
                for kind, count in Facts.of(arrays).kinds.items():
                    self.bad[kind] = self.bad.get(kind, 0) + count

    @property
    def passes(self) -> int:
        """How often `prepare` reads the input."""
        return int(self._skip_bad)

    def check(self) -> None:
        """Once all pieces have been loaded: find ids that name different texts, and an input without documents.

        Equal texts under one id are no contradiction, but duplicates, which are for deduplication to find.

        Raises:
            UserError: names the line, unless such documents are passed over.
        """
        keys = _Keys(self._facts)
        if not keys.total:
            raise UserError(f"{self.path}: no text in it")
        again = repeated(keys)
        if len(again) and not self._skip_bad:
            (here, name), (there, _) = self._places(again[0].tolist())
            raise BadDocument(
                "duplicate id",
                f"{here}: the id '{name}' was given to another text before ({there}); give every document an id of "
                f"its own, or leave one out",
            )
        for index, rows in keys.pieces(again[:, 0]):
            facts = Facts.of(self._facts.load(index))
            lines = np.delete(np.arange(len(facts) + len(facts.bad)), facts.bad)[rows]
            self._facts.save(index, facts.without(rows, lines, "duplicate id").arrays())

    def _places(self, places: Sequence[int]) -> list[tuple[str, str]]:
        """File and line, and id, of documents by their numbers."""
        found: dict[int, tuple[str, str]] = {}
        for piece in self.pieces():
            inside = [place for place in places if 0 <= place - piece.first < len(piece.lines)]
            if inside:
                batch = piece.load()
                for place in inside:
                    row = place - piece.first
                    found[place] = piece.lines.where(int(batch.bounds[2][row])), batch.column("id")[row]
        return [found[place] for place in places]


def _look(piece: BarePiece) -> int:
    piece.load()
    return piece.done


class _Keys:
    """Hashes of the ids and texts of all documents, piece by piece."""

    def __init__(self, facts: Surveys) -> None:
        self._facts = facts
        self._ends = np.cumsum([len(arrays["keys"]) for arrays in facts])
        self.total = int(self._ends[-1]) if len(self._ends) else 0

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return ((arrays["keys"], arrays["prints"]) for arrays in self._facts)

    def pieces(self, places: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Piece by piece, the rows at which documents are, given their numbers in ascending order."""
        indexes = np.searchsorted(self._ends, places, side="right")
        for index in np.unique(indexes).tolist():
            yield index, places[indexes == index] - (int(self._ends[index - 1]) if index else 0)


def bare_shards(path: Path) -> list[BareShard]:
    """The files that a path names, in the order of their names; all plain text of a folder counts as one."""
    if path.is_dir():
        return _folder_shards(path)
    expected = "expected a folder, .jsonl, .jsonl.gz, .jsonl.zst, .parquet or text"
    if not path.exists():
        raise UserError(f"{path}: no such file or folder; {expected}")
    if not path.is_file():
        raise UserError(f"{path}: neither a file nor a folder; {expected}")
    if not path.stat().st_size:
        raise UserError(f"{path}: the file is empty")
    if path.name.lower().endswith(RECORD_SUFFIXES):
        return [_record_shard(path, path.name, path.absolute().parent.name)]
    if path.suffix.lower() in TEXT_SUFFIXES:
        size = path.stat().st_size
        return [BareShard(path.stem, path.stem, path, size, lambda: document_lines(path, _parts(path)))]
    raise UserError(f"{path}: unknown extension '{path.suffix}'; {expected}")


def _parts(path: Path) -> Iterator[tuple[Document | BadDocument, int]]:
    done = 0
    try:
        for document in read_parts(path, path.name):
            done += len(document.text.encode())
            yield document, done
    except BadDocument as bad:
        yield bad, done


def _folder_shards(folder: Path) -> list[BareShard]:
    shards: list[BareShard] = []
    texts: list[Path] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(parent, name)
            if name.startswith(".") or not path.is_file() or not path.stat().st_size:
                continue
            if name.lower().endswith(RECORD_SUFFIXES):
                shards.append(_record_shard(path, path.relative_to(folder).as_posix(), folder.absolute().name))
            else:
                texts.append(path)
    if texts:
        name, size = folder.absolute().name, sum(path.stat().st_size for path in texts)
        shards.append(
            BareShard(name, name, folder, size, lambda: document_lines(folder, _text_documents(folder, texts)))
        )
    if not shards:
        raise UserError(f"{folder}: no text in it")
    return shards


def _text_documents(folder: Path, paths: Sequence[Path]) -> Iterator[tuple[Document | BadDocument, int]]:
    done = 0
    for path in paths:
        try:
            done += path.stat().st_size
            for document in read_whole(path, path.relative_to(folder).as_posix(), folder.name):
                yield document, done
        except BadDocument as bad:
            yield bad, done


def _record_shard(path: Path, name: str, folder: str) -> BareShard:
    suffix = next(suffix for suffix in RECORD_SUFFIXES if name.lower().endswith(suffix))
    stem = name[: -len(suffix)]
    read = partial(parquet_lines if suffix == ".parquet" else read_lines, path)
    return BareShard(stem, _domain(Path(stem).name) or folder or "text", path, path.stat().st_size, read)


def _domain(stem: str) -> str:
    """What shards of one file have in common: `prose-00001-of-00007` and `prose.3` are parts of `prose`."""
    return re.sub(r"(?:^|[-_.])(?:part|shard|chunk)?[-_.]?\d+(?:-of-\d+)?$", "", stem)
