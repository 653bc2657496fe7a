"""The documents of an edition, one by one, and all editions for another lab."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from assay.corpus.documents import Document
from assay.corpus.editions.edition import TEXT, OpenEdition
from assay.corpus.steps.edition_input import EditionInput

_COLUMNS = ("domain", "text", "id", "source", "licence", "group")


def edition_documents(edition: OpenEdition) -> Iterator[tuple[str, Document]]:
    """Domain and document, in the order of the edition. Raises `UserError` when a file of it is damaged."""
    for piece in EditionInput(edition).pieces():
        columns = piece.load().read(_COLUMNS)
        for domain, text, name, source, licence, group in zip(
            *(columns[column].to_pylist() for column in _COLUMNS), strict=True
        ):
            yield domain, Document(text, name, source, licence, group)


def copy_editions(old: Path, new: Path) -> None:
    """Give a new lab the text of another one with its history. Files that never change are shared on one disk."""

    def share(source: str, target: str) -> None:
        try:
            os.link(source, target)
        except OSError:  # another disk
            shutil.copy2(source, target)

    shutil.copytree(old / TEXT, new / TEXT, copy_function=share, ignore=shutil.ignore_patterns(".*", "lock"))
