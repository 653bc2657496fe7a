"""What an edition was asked to take in, by which the same request is known when it is made again."""

from pathlib import Path

from assay.corpus.editions.edition import OpenEdition, lineage
from assay.spec.base import Frozen

REQUEST = "request.json"


class Taken(Frozen):
    """A source, as it was when it was taken in.

    Attributes:
        files: absolute path, size and state of each file; a later state of a file is another source.
        licence: of documents that name none.
        skip_bad: whether what is no document was passed over.
    """

    domain: str
    files: tuple[tuple[str, int, str], ...]
    licence: str
    skip_bad: bool


class Request(Frozen):
    """`request.json` of an edition that `add` made."""

    sources: tuple[Taken, ...]

    def write(self, folder: Path) -> None:
        (folder / REQUEST).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def edition_of(request: Request, newest: OpenEdition) -> str:
    """Id of the edition, of the newest one and those before it, since which all of this is there; '': some is not."""
    missing, last = set(request.sources), ""
    for edition in lineage(newest):
        path = edition.folder / REQUEST
        if path.is_file():
            there = Request.model_validate_json(path.read_text(encoding="utf-8"))
            last = last or (edition.id if missing & set(there.sources) else "")
            missing -= set(there.sources)
        if not missing:
            return last
    return ""
