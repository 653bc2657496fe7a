"""Bare files by name: which there are, what each is called and how it is read."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from assay.corpus.bad import BadDocument
from assay.corpus.documents import Document
from assay.corpus.file_kinds import RECORD_SUFFIXES, OtherFile, check_file, is_records, walk
from assay.corpus.files import read_parts, read_whole
from assay.corpus.html import SUFFIXES as PAGE_SUFFIXES
from assay.corpus.records import clean
from assay.corpus.steps.lines import Read, document_lines, parquet_lines, read_lines
from assay.spec.base import sha256_text
from assay.spec.errors import UserError

#: What a number of a shard may have before it; any other word with digits, like `c4`, is a name.
_PART = "part|shard|chunk|split|file|piece|segment|block|batch|p|s"

Reader = Callable[[], Iterator[Read]]


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
        state: a hash of the files' names, sizes and times of change.
        others: files of the folder that hold no text; with the first shard.
    """

    name: str
    domain: str
    path: Path
    size: int
    read: Reader
    settled: bool = False
    source: str = ""
    state: str = ""
    others: tuple[OtherFile, ...] = ()


def bare_shards(path: Path, source: str = "") -> list[BareShard]:
    """The files that a path names, in the order of their names; all plain text of a folder counts as one.

    Args:
        source: of records that name none.

    Raises:
        UserError: there is nothing that could be read.
    """
    if path.is_dir():
        return _folder_shards(path, source)
    check_file(path)
    if is_records(path):
        return [_record_shard(path, path.name, path.absolute().parent.name, source)]
    is_page = path.suffix.lower() in PAGE_SUFFIXES
    documents = partial(_text_documents, path.parent, [path], source) if is_page else partial(_parts, path, source)
    size, read = path.stat().st_size, lambda: document_lines(path, documents())
    return [BareShard(path.stem, path.stem, path, size, read, state=_state([path]))]


def _state(paths: Sequence[Path]) -> str:
    """A hash by which it is seen that files were changed, added or taken away."""
    found = [(path, path.stat()) for path in paths]
    return sha256_text("\n".join(f"{clean(path.name)} {stat.st_size} {stat.st_mtime_ns}" for path, stat in found))[:16]


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
    others: list[OtherFile] = []
    for path in walk(folder):
        if isinstance(path, OtherFile):
            others.append(path)
        elif is_records(path):
            shards.append(_record_shard(path, path.relative_to(folder).as_posix(), folder.absolute().name, source))
        else:
            texts.append(path)
    if texts:
        name, size = folder.absolute().name, sum(path.stat().st_size for path in texts)
        read = partial(_text_documents, folder, texts, source)
        shards.append(BareShard(name, name, folder, size, lambda: document_lines(folder, read()), state=_state(texts)))
    if not shards:
        raise NoText(f"{folder}: no text in it{_named(others)}")
    shards[0] = replace(shards[0], others=tuple(others))
    names = Counter(shard.name for shard in shards)
    return [
        replace(shard, name=f"{shard.name}-{number}") if names[shard.name] > 1 else shard
        for number, shard in enumerate(shards)
    ]


def _named(others: Sequence[OtherFile]) -> str:
    """What a folder has instead of text, for a message."""
    counts = Counter(each.kind for each in others)
    first = {each.kind: each.name for each in reversed(others)}
    said = ", ".join(f"{number} {kind} ({first[kind]}{', …' * (number > 1)})" for kind, number in counts.items())
    return f"; passed over: {said}" if said else ""


def _text_documents(
    folder: Path, paths: Sequence[Path], source: str
) -> Iterator[tuple[Document | BadDocument | OtherFile, int]]:
    done = 0
    for path in paths:
        name = clean(path.relative_to(folder).as_posix())  # which may be no UTF-8
        try:
            done += path.stat().st_size
            yield read_whole(path, name, source) or OtherFile("empty", name), done
        except BadDocument as bad:
            yield bad, done


def _record_shard(path: Path, name: str, folder: str, source: str) -> BareShard:
    suffix = next(suffix for suffix in RECORD_SUFFIXES if name.lower().endswith(suffix))
    stem = name[: -len(suffix)]
    read = partial(parquet_lines if suffix == ".parquet" else read_lines, path, name)
    domain = _domain(Path(stem).name) or folder or "text"
    return BareShard(stem, domain, path, path.stat().st_size, read, source=source, state=_state([path]))


def _domain(stem: str) -> str:
    """What shards of one file have in common: `prose-00001-of-00007`, `prose.3` and `prose-s3` are parts of `prose`."""
    return re.sub(rf"(?:^|[-_.])(?:{_PART})?[-_.]?\d+(?:-of-\d+(?:-[0-9a-f]{{16}})?)?$", "", stem)
