"""A document's story in a folder that a step wrote, and in those before it."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assay.corpus.editions.rows import text_hash
from assay.corpus.provenance.story import Chapter, DocumentStory, hash_prefix, is_called
from assay.corpus.steps.bare_files import NoText, bare_shards
from assay.corpus.steps.bare_output import BareManifest, read_manifest
from assay.corpus.steps.lines import Lines
from assay.spec.errors import UserError

_SHOWN = frozenset(("id", "hash", "text", "source", "licence", "license", "retrieved", "removed_by", "detail"))


def find_in_folder(folder: Path, wanted: str) -> list[DocumentStory]:
    """The documents whose id is `wanted`, or the hash of whose text begins so, as far back as inputs are still there.

    `DOMAIN:ID` will do. A document without an id is known by the hash of its text, or by its file and line in what
    first went in.

    Raises:
        UserError: no step wrote the folder, or the document is in none of them.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise UserError(f"{folder}: neither a lab nor a folder that a step wrote")
    chain = [(folder, manifest)]
    while (before := _before(*chain[-1])) is not None:
        chain.append(before)
    stories: dict[str, DocumentStory] = {}
    origin = _input(*chain[-1])
    remade = read_manifest(origin) is not None  # no longer what went in
    for key, record, domain in () if remade else _records(origin, wanted, stories):
        _add(stories, key, record, domain, Chapter(str(origin), "", "read", (), "", *_text(record)))
    for each, said in chain[::-1]:
        for side in ("kept", "removed"):
            for key, record, domain in _records(each / side, wanted, stories):
                gone = side == "removed"
                before_text = stories[key].chapters[-1].text if key in stories else record["text"]
                fate = "removed" if gone else "kept" if before_text == record["text"] else "changed"
                rules = (str(record["removed_by"]),) if gone else ()
                detail = str(record["detail"]) if gone else ""
                chapter = Chapter(str(each), said.step, fate, rules, detail, *_text(record))
                _add(stories, key, record, domain, chapter)
    if not stories:
        raise UserError(f"{folder}: no document has the id '{wanted}', or a text whose hash begins so")
    return list(stories.values())


def _input(folder: Path, manifest: BareManifest) -> Path:
    return Path(os.path.relpath(folder / manifest.input))


def _before(folder: Path, manifest: BareManifest) -> tuple[Path, BareManifest] | None:
    """The folder that a step's input was, if it is still what it was."""
    there = _input(folder, manifest)
    before = read_manifest(there)
    return (there, before) if before is not None and before.root == manifest.input_root else None


def _add(stories: dict[str, DocumentStory], key: str, record: dict[str, Any], domain: str, chapter: Chapter) -> None:
    if key not in stories:
        licence = str(record.get("licence") or record.get("license") or "unknown")
        rest = {name: value for name, value in record.items() if name not in _SHOWN}
        stories[key] = DocumentStory(
            str(record.get("id", "")), domain, str(record.get("source", "")), licence,
            str(record.get("retrieved", "")), "", _hash(record), rest,
        )  # fmt: skip
    stories[key].chapters.append(chapter)


def _text(record: dict[str, Any]) -> tuple[int, str]:
    return len(record["text"].encode(errors="replace")), record["text"]


def _hash(record: dict[str, Any]) -> str:
    return text_hash(record["text"].encode(errors="replace")).hex()


def _records(folder: Path, wanted: str, known: dict[str, DocumentStory]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Records of a folder or file that are asked for, or known already: what each is known by, and its domain."""
    prefix = hash_prefix(wanted)
    if not folder.exists():
        return
    try:
        shards = bare_shards(folder)
    except NoText:  # all of it went to the other side
        return
    for shard in shards:
        for lines in shard.read():
            for place, record in _parsed(lines) if isinstance(lines, Lines) else ():
                named = str(record["id"]) if record.get("id") is not None else ""
                key = named or _hash(record)
                domain = str(record.get("domain") or shard.domain)
                called = any(is_called(wanted, domain, name) for name in (named, place))
                asked = called or (prefix and _hash(record).startswith(prefix))
                if asked or key in known:
                    yield key, record, domain


def _parsed(lines: Lines) -> Iterator[tuple[str, dict[str, Any]]]:
    """Records with their file and line; lines that hold none left out."""
    for start, end, number in zip(*(array.tolist() for array in lines.bounds), strict=True):
        try:
            record = json.loads(lines.raw[start:end])
        except ValueError:
            continue
        if isinstance(record, dict) and isinstance(record.get("text"), str):
            yield f"{lines.name}:{number}", record
