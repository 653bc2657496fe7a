"""One step at a time makes the next edition of a lab's text."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assay.corpus.editions.edition import TEXT
from assay.spec.errors import UserError


@contextmanager
def making_edition(lab: Path) -> Iterator[None]:
    """Hold the lock of a lab's text. The kernel frees it when the process ends, however it ends.

    Raises:
        UserError: another process holds it.
    """
    folder = lab / TEXT
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{lab}: another `assay corpus` command is changing this lab's text; wait until it is done"
            ) from None
        yield
