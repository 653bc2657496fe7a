"""What an edition was asked to take in, by which the same request is known when it is made again."""

from pathlib import Path

from assay.corpus.editions.edition import OpenEdition, lineage
from assay.spec.base import Frozen

REQUEST = "request.json"


class Request(Frozen):
    """`request.json` of an edition that `add` made.

    Attributes:
        sources: domain and location of each.
        files: absolute path, size and state of each file; a later state of a file is another request.
    """

    sources: tuple[tuple[str, str], ...]
    licence: str
    skip_bad: bool
    files: tuple[tuple[str, int, str], ...]

    def write(self, folder: Path) -> None:
        (folder / REQUEST).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def edition_of(request: Request, newest: OpenEdition) -> str:
    """Id of the edition, among the newest one and those before it, that took in just this; '': none did."""
    for edition in lineage(newest):
        path = edition.folder / REQUEST
        if path.is_file() and _same(Request.model_validate_json(path.read_text(encoding="utf-8")), request):
            return edition.id
    return ""


def _same(one: Request, other: Request) -> bool:
    """Whether the same files go to the same domains, however their places were written."""
    plain = ({**each.model_dump(), "sources": [name for name, _ in each.sources]} for each in (one, other))
    first, second = plain
    return first == second
