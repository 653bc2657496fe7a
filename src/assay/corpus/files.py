"""Text files: strict UTF-8, with errors that name the byte; of web pages the main text."""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from pathlib import Path

from assay.corpus.bad import BadDocument, check_size, unreadable
from assay.corpus.documents import UNKNOWN_LICENCE, Document, content_group
from assay.corpus.file_kinds import foreign_format
from assay.corpus.html import SUFFIXES as PAGE_SUFFIXES
from assay.corpus.html import main_text

PART_BYTES = 8 * 1024


def decode(data: bytes, path: Path, base: int = 0) -> str:
    """UTF-8 text of bytes that start at offset `base` of a file. Raises `BadDocument` naming the offset."""
    advice = "convert it to UTF-8 text or leave it out"
    if base == 0 and data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise BadDocument("wrong encoding", f"{path}: UTF-16 text; {advice}")
    if base == 0 and (name := foreign_format(data)):
        raise BadDocument("binary", f"{path}: {name}, not plain text; {advice}")
    zero = data.find(b"\0")
    if zero >= 0:
        raise BadDocument("binary", f"{path}: a binary file (byte {base + zero} is zero); {advice}")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        message = f"{path}: not UTF-8 text (byte {base + error.start}); {advice}"
        raise BadDocument("wrong encoding", message) from None
    return text.removeprefix("\ufeff") if base == 0 else text


def read_whole(path: Path, name: str, source: str) -> Document | None:
    """The document that a file is; None if it holds no text. `name` becomes the document's id."""
    check_size(str(path), path.stat().st_size)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from None
    text = main_text(content, path) if path.suffix.lower() in PAGE_SUFFIXES else decode(content, path)
    return Document(text, name, source, UNKNOWN_LICENCE, content_group(content)) if text.strip() else None


def read_parts(path: Path, source: str) -> Iterator[Document]:
    """A file that is a whole domain, as documents of about 8 KiB cut at blank lines or line ends.

    A domain needs text on both sides of the split, so the only file of a domain cannot stay in one piece.
    """
    offset, size, number = 0, 0, 0
    lines: list[bytes] = []

    def part() -> Iterator[Document]:
        content = b"".join(lines)
        text = decode(content, path, offset)
        if text.strip():
            yield Document(text, f"{path.name}#{number}", source, UNKNOWN_LICENCE, content_group(content))

    with path.open("rb") as file:
        for line in file:
            lines.append(line)
            size += len(line)
            if size >= 2 * PART_BYTES or (size >= PART_BYTES and not line.strip()):
                yield from part()
                offset, size, number, lines = offset + size, 0, number + 1, []
    yield from part()
