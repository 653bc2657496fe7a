"""Where text comes from: one reader for each kind of location, one clear error for each kind of bad input."""

import os
from collections.abc import Iterator
from pathlib import Path

from assay.corpus import embedded
from assay.corpus.documents import Document as Document
from assay.corpus.documents import Source as Source
from assay.corpus.files import TEXT_SUFFIXES, read_parts, read_whole
from assay.corpus.html import SUFFIXES as HTML_SUFFIXES
from assay.corpus.records import read_hub, read_jsonl, read_parquet
from assay.spec.errors import UserError

RECORD_SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")
_EXPECTED = "a folder, .txt, .md, .jsonl, .jsonl.gz, .jsonl.zst, .parquet or hf:ORG/NAME"


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
    if location.startswith("hf:"):
        name = location.removeprefix("hf:")
        if not name:
            raise UserError("hf: needs the name of a data set, as in hf:ORG/NAME")
        return read_hub(name)
    if location.startswith(embedded.PREFIX):
        return embedded.read(location)
    path = Path(location).expanduser()
    if path.is_dir():
        return _read_folder(path, location)
    if not path.exists():
        raise UserError(f"{path}: no such file or folder; expected {_EXPECTED}")
    if not path.is_file():
        raise UserError(f"{path}: neither a file nor a folder; expected {_EXPECTED}")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty")
    if path.name.lower().endswith(RECORD_SUFFIXES):
        return _read_records(path, location)
    if path.suffix.lower() in HTML_SUFFIXES:
        return read_whole(path, path.name, location)
    if path.suffix.lower() in TEXT_SUFFIXES:
        return read_parts(path, location)
    raise UserError(f"{path}: unknown extension '{path.suffix}'; expected {_EXPECTED}")


def _read_records(path: Path, source: str) -> Iterator[Document]:
    return read_parquet(path, source) if path.suffix.lower() == ".parquet" else read_jsonl(path, source)


def _read_folder(folder: Path, source: str) -> Iterator[Document]:
    """Every text file below a folder, one document a file, and the records of record files; hidden ones left out."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(parent, name)
            if name.startswith(".") or not path.is_file() or path.stat().st_size == 0:
                continue
            if name.lower().endswith(RECORD_SUFFIXES):
                yield from _read_records(path, source)
            else:
                yield from read_whole(path, path.relative_to(folder).as_posix(), source)
