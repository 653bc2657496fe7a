"""Files read piece by piece: plain, gzip or Zstandard, by the end of their names."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import zstandard

from assay.corpus.bad import BadDocument

CHUNK = 1 << 20


def read_chunks(path: Path) -> Iterator[tuple[bytes, int]]:
    """Pieces of a file, uncompressed, each with how many bytes of the file itself have been read so far.

    Raises:
        BadDocument: it is damaged or ends too early; comes after everything that could be read.
    """
    try:
        with path.open("rb") as file:
            if path.suffix.lower() == ".gz":
                with gzip.open(file) as unpacked:
                    while chunk := unpacked.read(CHUNK):
                        yield chunk, file.tell()
            elif path.suffix.lower() == ".zst":
                yield from _frames(file)
            else:
                while chunk := file.read(CHUNK):
                    yield chunk, file.tell()
    except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
        message = f"{path}: damaged or cut short ({error}); copy or compress it again"
        raise BadDocument("cut short", message) from None


def _frames(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    # Frame by frame, because only a decompressor object tells a complete frame from one that was cut short.
    frame = zstandard.ZstdDecompressor().decompressobj()
    started = False
    while chunk := file.read(-(-CHUNK // 8)):
        while chunk:
            started = True
            yield frame.decompress(chunk), file.tell()
            chunk = frame.unused_data
            if frame.eof:
                frame, started = zstandard.ZstdDecompressor().decompressobj(), False
    if started:
        raise EOFError("the last Zstandard frame is incomplete")
