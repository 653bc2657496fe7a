"""Writing files so that a reader, a crash or a full disk never meets half a file."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assay.corpus.workfolder import sync
from assay.spec.errors import UserError

_NO_ROOM = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file limit is reached",
}


@contextmanager
def clear_when_full(path: Path) -> Iterator[None]:
    """Turn "no space left" while writing `path` into a `UserError` that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise UserError(
            f"{_NO_ROOM[error.errno]}: {path} could not be written; what was saved before is intact, "
            f"so free some space (`assay gc`) and run this again"
        ) from error


def write_durably(path: Path, *parts: bytes | memoryview) -> None:
    """Write a new file of these bytes and wait until the disk has it. Raises `UserError` when the disk is full."""
    with clear_when_full(path), path.open("wb") as file:
        for part in parts:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, data: bytes) -> None:
    """Write a file under a temporary name and rename it, so that `path` is always the old one or the new one."""
    temporary = path.with_name(f".tmp-{path.name}")
    try:
        write_durably(temporary, data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync(path.parent)
