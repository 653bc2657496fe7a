"""The sources that an edition took in, by which they are known when they are to be added again."""

from pathlib import Path

from assay.corpus.editions.edition import OpenEdition, lineage
from assay.spec.base import Frozen

TAKEN = "request.json"


class TakenSource(Frozen):
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


class TakenSources(Frozen):
    """`request.json` of an edition that `add` made."""

    sources: tuple[TakenSource, ...]

    def write(self, folder: Path) -> None:
        (folder / TAKEN).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def edition_with(taken: TakenSources, newest: OpenEdition) -> str:
    """Id of the edition, of the newest one and those before it, since which all of this is there; '': some is not."""
    missing, last = set(taken.sources), ""
    for edition in lineage(newest):
        path = edition.folder / TAKEN
        if path.is_file():
            there = TakenSources.model_validate_json(path.read_text(encoding="utf-8"))
            last = last or (edition.id if missing & set(there.sources) else "")
            missing -= set(there.sources)
        if not missing:
            return last
    return ""
