"""`assay corpus export`."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, LabArgument, find_lab, print_json


def export(
    lab: LabArgument = None,
    *,
    format: Annotated[Literal["croissant"], Parameter(help="croissant: Croissant 1.1 as JSON-LD.")] = "croissant",
    out: Annotated[
        Path | None, Parameter(help="A new folder for the description and the documents, to hand on.")
    ] = None,
    json: Json = False,
) -> None:
    """Describe a lab's newest edition for other programs: files with checksums, columns, licences, sources and steps.

    The documents are compared with the edition's Merkle root first. Without --out, croissant.json is written beside the
    edition's files. Among the documents are those that a corpus of the lab holds out or seals: hand them to nobody who
    trains what is judged here.

    Examples:

        assay corpus export mylab
        assay corpus export mylab --format croissant --out dataset
    """
    from assay.corpus.editions.croissant import write_croissant
    from assay.corpus.editions.documents import verify
    from assay.corpus.editions.edition import newest_edition
    from assay.spec.lab import LabConfig

    folder = find_lab(lab)
    edition = newest_edition(folder)
    verify(edition)
    path = write_croissant(edition, LabConfig.from_toml(folder / "lab.toml").name, out)
    facts = {"format": format, "file": str(path), "edition": edition.id, "documents": edition.manifest.documents,
             "bytes": edition.manifest.bytes}  # fmt: skip
    if json:
        print_json(facts)
        return
    print(f"{path} describes edition {edition.id} ({edition.manifest.documents} documents).")
