"""Documents that cannot be taken: each kind has a name, under which `--skip-bad` counts it."""

from pathlib import Path

from assay.spec.errors import UserError

#: Bytes of UTF-8. Steps hold a document in memory several times over, in every worker.
LARGEST_DOCUMENT = 64_000_000


class BadDocument(UserError):
    """A document, or the rest of a file, that must be left out or repaired.

    Attributes:
        kind: what is wrong, in two or three words: `broken JSON`, `duplicate id`.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    def __reduce__(self) -> "tuple[type[BadDocument], tuple[str, str]]":  # so that it comes out of a worker whole
        return BadDocument, (self.kind, str(self))


def check_size(where: str, size: int) -> None:
    """Raise `BadDocument` if a text of so many bytes is too large for one document."""
    if size > LARGEST_DOCUMENT:
        raise BadDocument(
            "huge",
            f"{where}: one document of {size / 1e6:.0f} MB; more than {LARGEST_DOCUMENT // 10**6} MB are no single "
            f"document, so split it or leave it out",
        )


def unreadable(path: Path, error: OSError) -> BadDocument:
    """What is wrong with a file that the system does not let us read."""
    return BadDocument("unreadable", f"{path}: cannot be read ({error.strerror or error})")
