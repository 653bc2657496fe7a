"""Bare files by name: which there are, what each is called and how it is read."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from assay.corpus.bad import BadDocument
from assay.corpus.documents import Document
from assay.corpus.files import TEXT_SUFFIXES, read_parts, read_whole
from assay.corpus.html import SUFFIXES as HTML_SUFFIXES
from assay.corpus.sources import RECORD_SUFFIXES
from assay.corpus.steps.lines import Lines, document_lines, parquet_lines, read_lines
from assay.spec.errors import UserError

Reader = Callable[[], Iterator[Lines | BadDocument]]


class NoText(UserError):
    """There are no files with text."""


@dataclass(frozen=True)
class BareShard:
    """A file of the input, or all plain text files of a folder.

    Attributes:
        name: without extension; what comes out of it is called so too.
        domain: of its records that name none.
        path: the file, or the folder.
        size: in bytes.
        read: gives its lines.
        settled: whether `domain` is that of all its records, whatever they say.
        source: of its records that name none.
    """

    name: str
    domain: str
    path: Path
    size: int
    read: Reader
    settled: bool = False
    source: str = ""


def bare_shards(path: Path, source: str = "") -> list[BareShard]:
    """The files that a path names, in the order of their names; all plain text of a folder counts as one.

    Args:
        source: of records that name none.

    Raises:
        UserError: there is nothing that could be read.
    """
    if path.is_dir():
        return _folder_shards(path, source)
    expected = "expected a folder, .txt, .md, .jsonl, .jsonl.gz, .jsonl.zst, .parquet or other text"
    if not path.exists():
        raise UserError(f"{path}: no such file or folder; {expected}")
    if not path.is_file():
        raise UserError(f"{path}: neither a file nor a folder; {expected}")
    if not path.stat().st_size:
        raise UserError(f"{path}: the file is empty")
    if path.name.lower().endswith(RECORD_SUFFIXES):
        return [_record_shard(path, path.name, path.absolute().parent.name, source)]
    if path.suffix.lower() in HTML_SUFFIXES:
        size, pages = path.stat().st_size, partial(_text_documents, path.parent, [path], source)
        return [BareShard(path.stem, path.stem, path, size, lambda: document_lines(path, pages()))]
    if path.suffix.lower() in TEXT_SUFFIXES:
        size = path.stat().st_size
        return [BareShard(path.stem, path.stem, path, size, lambda: document_lines(path, _parts(path, source)))]
    raise UserError(f"{path}: unknown extension '{path.suffix}'; {expected}")


def _parts(path: Path, source: str) -> Iterator[tuple[Document | BadDocument, int]]:
    done = 0
    try:
        for document in read_parts(path, source):
            done += len(document.text.encode())
            yield document, done
    except BadDocument as bad:
        yield bad, done


def _folder_shards(folder: Path, source: str) -> list[BareShard]:
    shards: list[BareShard] = []
    texts: list[Path] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(parent, name)
            if name.startswith(".") or not path.is_file() or not path.stat().st_size:
                continue
            if name.lower().endswith(RECORD_SUFFIXES):
                shards.append(_record_shard(path, path.relative_to(folder).as_posix(), folder.absolute().name, source))
            else:
                texts.append(path)
    if texts:
        name, size = folder.absolute().name, sum(path.stat().st_size for path in texts)
        shards.append(
            BareShard(name, name, folder, size, lambda: document_lines(folder, _text_documents(folder, texts, source)))
        )
    if not shards:
        raise NoText(f"{folder}: no text in it")
    names = Counter(shard.name for shard in shards)
    return [
        replace(shard, name=f"{shard.name}-{number}") if names[shard.name] > 1 else shard
        for number, shard in enumerate(shards)
    ]


def _text_documents(folder: Path, paths: Sequence[Path], source: str) -> Iterator[tuple[Document | BadDocument, int]]:
    done = 0
    for path in paths:
        try:
            done += path.stat().st_size
            for document in read_whole(path, path.relative_to(folder).as_posix(), source):
                yield document, done
        except BadDocument as bad:
            yield bad, done


def _record_shard(path: Path, name: str, folder: str, source: str) -> BareShard:
    suffix = next(suffix for suffix in RECORD_SUFFIXES if name.lower().endswith(suffix))
    stem = name[: -len(suffix)]
    read = partial(parquet_lines if suffix == ".parquet" else read_lines, path)
    domain = _domain(Path(stem).name) or folder or "text"
    return BareShard(stem, domain, path, path.stat().st_size, read, source=source)


def _domain(stem: str) -> str:
    """What shards of one file have in common: `prose-00001-of-00007` and `prose.3` are parts of `prose`."""
    return re.sub(r"(?:^|[-_.])(?:part|shard|chunk)?[-_.]?\d+(?:-of-\d+)?$", "", stem)
