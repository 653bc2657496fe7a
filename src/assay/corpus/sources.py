"""Where text comes from: one reader for each kind of location, one clear error for each kind of bad input."""

from collections.abc import Iterator
from pathlib import Path

from assay.corpus import embedded, hub
from assay.corpus.documents import Document as Document
from assay.corpus.documents import Source as Source
from assay.corpus.file_kinds import OtherFile, check_file, is_records, walk
from assay.corpus.files import read_parts, read_whole
from assay.corpus.html import SUFFIXES as PAGE_SUFFIXES
from assay.corpus.records import read_hub, read_jsonl, read_parquet
from assay.spec.errors import UserError


def read_source(source: Source) -> Iterator[Document]:
    """Stream the documents of a source.

    Raises:
        UserError: the location is missing, empty, of an unknown kind, binary, not UTF-8, or holds a broken record.
    """
    found = False
    try:
        for document in _read(source.location):
            found = True
            yield document
    except OSError as error:
        name = error.filename or source.location
        raise UserError(f"{name}: cannot be read ({error.strerror or error})") from None
    if not found:
        raise UserError(f"{source.location}: no text in it, so domain '{source.name}' would be empty")


def _read(location: str) -> Iterator[Document]:
    if location.startswith(hub.PREFIX):
        return read_hub(location)
    if location.startswith(embedded.PREFIX):
        return embedded.read(location)
    path = Path(location).expanduser()
    if path.is_dir():
        return _read_folder(path, location)
    check_file(path, "hf:ORG/NAME")
    if is_records(path):
        return _read_records(path, location)
    if path.suffix.lower() in PAGE_SUFFIXES:
        page = read_whole(path, path.name, location)
        return iter([page] if page else [])
    return read_parts(path, location)


def _read_records(path: Path, source: str) -> Iterator[Document]:
    return read_parquet(path, source) if path.suffix.lower() == ".parquet" else read_jsonl(path, source)


def _read_folder(folder: Path, source: str) -> Iterator[Document]:
    """Every text file below a folder, one document a file, and the records of record files."""
    for path in walk(folder):
        if isinstance(path, OtherFile):
            continue
        if is_records(path):
            yield from _read_records(path, source)
        elif document := read_whole(path, path.relative_to(folder).as_posix(), source):
            yield document
