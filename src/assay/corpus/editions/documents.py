"""The documents of an edition, one by one, and all editions for another lab."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from assay.corpus.documents import Document
from assay.corpus.editions.edition import TEXT, OpenEdition
from assay.corpus.editions.rows import SCHEMA, leaves, readable, text_hash
from assay.corpus.merkle import MerkleTree
from assay.corpus.steps.edition_input import EditionInput
from assay.spec.errors import UserError

_COLUMNS = ("domain", "text", "id", "source", "licence", "group", "text_hash")


def edition_documents(edition: OpenEdition) -> Iterator[tuple[str, Document]]:
    """Domain and document, in the order of the edition.

    Raises:
        UserError: a file is damaged, or holds other texts, names, sources or licences than the edition's root says.
    """
    tree = MerkleTree()
    for piece in EditionInput(edition).pieces():
        with readable(piece.path):
            table = piece.load().read(_COLUMNS)
            if any(name not in table.schema.names or table.field(name) != SCHEMA.field(name) for name in _COLUMNS):
                raise UserError(f"{piece.path}: damaged (its columns are others); restore the file from a copy")
            tree.extend(leaves(table))
            columns = [table[column].to_pylist() for column in _COLUMNS]
        for domain, text, name, source, licence, group, digest in zip(*columns, strict=True):
            if text_hash(text.encode()) != digest:
                raise UserError(
                    f"{piece.path}: damaged (the text of {domain}:{name} is not the one that its hash was taken of); "
                    f"restore the file from a copy"
                )
            yield domain, Document(text, name, source, licence, group)
    if tree.root() != edition.manifest.root:
        raise UserError(f"{edition.folder}: not what was written (another Merkle root); restore the folder from a copy")


def verify(edition: OpenEdition) -> None:
    """Raise `UserError` if the documents that an edition keeps are not those that were written."""
    for _ in edition_documents(edition):
        pass


def copy_editions(old: Path, new: Path) -> None:
    """Give a new lab the text of another one with its history. Files that never change are shared on one disk."""

    def share(source: str, target: str) -> None:
        try:
            os.link(source, target)
        except OSError:  # another disk
            shutil.copy2(source, target)

    shutil.copytree(old / TEXT, new / TEXT, copy_function=share, ignore=shutil.ignore_patterns(".*", "lock"))
