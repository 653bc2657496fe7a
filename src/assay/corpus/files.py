"""Text files: strict UTF-8, with errors that name the byte; of web pages the main text."""

from collections.abc import Iterator
from pathlib import Path

from assay.corpus.bad import BadDocument, check_size
from assay.corpus.documents import UNKNOWN_LICENCE, Document, content_group
from assay.corpus.html import SUFFIXES as HTML_SUFFIXES
from assay.corpus.html import main_text

# Files with these endings are text by declaration, so one that is not UTF-8 is an error; in a folder, files with
# other endings are taken when they turn out to be text and passed over when they do not.
_PROSE = (".txt", ".text", ".md", ".markdown", ".rst", ".adoc", ".org", ".tex", ".xml", ".srt")
_CODE = (".py", ".pyi", ".pyx", ".c", ".h", ".cc", ".cpp", ".hpp", ".cu", ".rs", ".go", ".java", ".kt", ".scala", ".js")
_MORE_CODE = (".jsx", ".ts", ".tsx", ".rb", ".pl", ".php", ".swift", ".hs", ".ml", ".lean", ".jl", ".r", ".lua", ".sh")
_DATA = (".csv", ".tsv", ".css", ".scss", ".sql", ".yaml", ".yml", ".toml", ".ini", ".cfg")
TEXT_SUFFIXES = frozenset((*HTML_SUFFIXES, *_PROSE, *_CODE, *_MORE_CODE, *_DATA))
PART_BYTES = 8 * 1024


def decode(data: bytes, path: Path, base: int = 0) -> str:
    """UTF-8 text of bytes that start at offset `base` of a file. Raises `BadDocument` naming the offset."""
    zero = data.find(b"\0")
    if zero >= 0:
        raise BadDocument(
            "binary",
            f"{path}: a binary file (byte {base + zero} is zero); expected UTF-8 text, so convert it or leave it out",
        )
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise BadDocument(
            "wrong encoding",
            f"{path}: not UTF-8 text (byte {base + error.start}); convert it to UTF-8 or leave it out",
        ) from None
    return text.removeprefix("\ufeff") if base == 0 else text


def looks_like_text(path: Path) -> bool:
    """Whether the first 8 KiB are UTF-8 without zero bytes (a character cut at the end is forgiven)."""
    with path.open("rb") as file:
        head = file.read(8192)
    if b"\0" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return len(head) == 8192 and error.start > len(head) - 4
    return True


def read_whole(path: Path, name: str, source: str) -> Iterator[Document]:
    """One document for a file; none if it holds no text. `name` becomes the document's id."""
    if path.suffix.lower() not in TEXT_SUFFIXES and not looks_like_text(path):
        return
    check_size(str(path), path.stat().st_size)
    content = path.read_bytes()
    try:
        text = main_text(content, path) if path.suffix.lower() in HTML_SUFFIXES else decode(content, path)
    except BadDocument:
        if path.suffix.lower() in TEXT_SUFFIXES:
            raise
        return
    if text.strip():
        yield Document(text, name, source, UNKNOWN_LICENCE, content_group(content))


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
