"""An edition described in Croissant 1.1 (https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html).

A program that reads this vocabulary, such as mlcroissant, knows files, columns, licences and steps of a text by it.
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from assay.corpus.editions.edition import OpenEdition, lineage
from assay.corpus.licences.names import is_known, spdx
from assay.corpus.workfolder import sync_tree, work_folder
from assay.spec.errors import UserError

FILE = "croissant.json"
_CONTEXT: dict[str, Any] = {
    "@language": "en", "@vocab": "https://schema.org/", "arrayShape": "cr:arrayShape", "citeAs": "cr:citeAs",
    "column": "cr:column", "conformsTo": "dct:conformsTo", "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/", "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"}, "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"}, "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"}, "extract": "cr:extract", "field": "cr:field",
    "fileObject": "cr:fileObject", "fileProperty": "cr:fileProperty", "fileSet": "cr:fileSet", "format": "cr:format",
    "includes": "cr:includes", "isArray": "cr:isArray", "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath", "key": "cr:key", "md5": "cr:md5", "name": {"@container": "@language"},
    "parentField": "cr:parentField", "path": "cr:path", "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/", "recordSet": "cr:recordSet", "references": "cr:references",
    "regex": "cr:regex", "repeated": "cr:repeated", "replace": "cr:replace", "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/", "separator": "cr:separator", "source": "cr:source", "subField": "cr:subField",
    "transform": "cr:transform",
}  # fmt: skip
_COLUMNS = (
    ("id", "sc:Text", "name of the document in its source"),
    ("domain", "sc:Text", "part of the corpus that it belongs to"),
    ("text", "sc:Text", "the document"),
    ("source", "sc:Text", "where it comes from"),
    ("licence", "sc:Text", "SPDX expression where known, else as found, else 'unknown'"),
    ("retrieved", "sc:Date", "day on which it was taken"),
    ("steps", "sc:Text", "what was done to it"),
    ("extra", "sc:Text", "JSON object of the record's other fields"),
)


def croissant(edition: OpenEdition, name: str) -> dict[str, Any]:
    """JSON-LD that describes an edition; paths are from its folder on.

    Args:
        name: of the data set.
    """
    files, licences, sources, last = _files(edition)
    known = [f"https://spdx.org/licenses/{name}.html" if _listed(name) else name for name in licences]
    steps = [found.manifest for found in lineage(edition)][::-1]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": name,
        "description": f"{edition.manifest.documents} documents, {edition.manifest.bytes} bytes of text, after the "
        f"steps {', '.join(step.step for step in steps)}.",
        "url": f"urn:assay:edition:{edition.id}",
        "version": f"1.0.0+{edition.id}",
        "datePublished": last,
        "license": known,
        "citeAs": f"{name}, edition {edition.id}, made with {edition.manifest.tool}",
        "isLiveDataset": False,
        "prov:wasDerivedFrom": [{"@type": "prov:Entity", "prov:label": source} for source in sources],
        "prov:wasGeneratedBy": [
            {"@type": "prov:Activity", "prov:label": step.step, "prov:value": step.root} for step in steps
        ],
        "distribution": [
            *files,
            {
                "@type": "cr:FileSet", "@id": "shards", "name": "shards", "description": "the documents, in order",
                "encodingFormat": "application/x-parquet",
                "includes": "kept/*.parquet",
            },
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet", "@id": "documents", "name": "documents",
                "description": "one record a document",
                "field": [_field(*column) for column in _COLUMNS],
            }
        ],
    }  # fmt: skip


def _listed(name: str) -> bool:
    """Whether that is one licence of SPDX's list."""
    return is_known(name) and " " not in name and not name.startswith("LicenseRef-")


def _field(name: str, kind: str, description: str) -> dict[str, Any]:
    many = {"isArray": True, "arrayShape": "-1"} if name == "steps" else {}
    return {
        "@type": "cr:Field", "@id": f"documents/{name}", "name": name, "description": description, "dataType": kind,
        **many, "source": {"fileSet": {"@id": "shards"}, "extract": {"column": name}},
    }  # fmt: skip


def _files(edition: OpenEdition) -> tuple[list[dict[str, Any]], list[str], list[str], str]:
    """The shards, all licences and sources, and the last day of retrieval."""
    files: list[dict[str, Any]] = []
    licences: set[str] = set()
    sources: set[str] = set()
    last = ""
    for shard in edition.manifest.shards:
        path = edition.shard(shard.name)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        where = f"kept/{path.name}"
        entry = {
            "@type": "cr:FileObject",
            "@id": where,
            "name": path.name,
            "contentUrl": where,
            "contentSize": f"{path.stat().st_size} B",
            "encodingFormat": "application/x-parquet",
            "sha256": digest,
        }  # fmt: skip
        files.append(entry)
        table = pq.read_table(path, columns=["licence", "source", "retrieved"])
        licences.update(map(spdx, table["licence"].unique().to_pylist()))
        sources.update(table["source"].unique().to_pylist())
        last = max([last, *filter(None, table["retrieved"].unique().to_pylist())])
    return files, sorted(licences), sorted(sources), last


def write_croissant(edition: OpenEdition, name: str, folder: Path | None = None) -> Path:
    """Write `croissant.json` beside the edition's files, or with the documents kept into a new folder; its path.

    Raises:
        UserError: the folder is there already.
    """
    described = json.dumps(croissant(edition, name), indent=2, ensure_ascii=False) + "\n"
    if folder is None:
        temporary = edition.folder / f".{FILE}"
        temporary.write_text(described, encoding="utf-8")
        temporary.replace(edition.folder / FILE)
        return edition.folder / FILE
    if folder.exists():
        raise UserError(f"{folder} exists; name a new folder for the data set")
    with work_folder(folder.absolute().parent) as work:
        (work / "dataset" / "kept").mkdir(parents=True)
        for shard in edition.manifest.shards:
            shutil.copyfile(edition.shard(shard.name), work / "dataset" / "kept" / f"{shard.name}.parquet")
        (work / "dataset" / FILE).write_text(described, encoding="utf-8")
        sync_tree(work / "dataset")
        (work / "dataset").rename(folder)
    return folder / FILE
