"""Files read piece by piece: plain, gzip or Zstandard, by the end of their names."""

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import zstandard

from assay.corpus.bad import BadDocument, unreadable

CHUNK = 1 << 20


def read_chunks(path: Path) -> Iterator[tuple[bytes, int]]:
    """Pieces of a file, uncompressed, each with how many bytes of the file itself have been read so far.

    Raises:
        BadDocument: it is damaged or ends too early; comes after everything that could be read.
    """
    try:
        with path.open("rb") as file:
            if path.suffix.lower() == ".gz":
                yield from _unpacked(file, lambda: zlib.decompressobj(wbits=31))
            elif path.suffix.lower() == ".zst":
                yield from _unpacked(file, lambda: zstandard.ZstdDecompressor().decompressobj())
            else:
                while chunk := file.read(CHUNK):
                    yield chunk, file.tell()
    except (EOFError, zlib.error, zstandard.ZstdError) as error:
        message = f"{path}: damaged or cut short ({error}); copy or compress it again"
        raise BadDocument("cut short", message) from None
    except OSError as error:
        raise unreadable(path, error) from None


def _unpacked(file: BinaryIO, decompressor: Callable[[], Any]) -> Iterator[tuple[bytes, int]]:
    # Member by member, because only a decompressor object tells a complete one from one that was cut short, and gives
    # what came before the cut.
    member, started = decompressor(), False
    while chunk := file.read(-(-CHUNK // 8)):
        while chunk and (started or chunk.strip(b"\0")):  # tapes are padded with zeros
            started = True
            if content := member.decompress(chunk):
                yield content, file.tell()
            chunk = member.unused_data
            if member.eof:
                member, started = decompressor(), False
    if started:
        raise EOFError("the compressed data end too early")
