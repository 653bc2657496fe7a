"""A document's story in a folder that a step wrote, and in those before it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.corpus.editions.rows import text_hash
from assay.corpus.provenance.numbered import (
    Line,
    Numbers,
    Output,
    follow,
    lines_of,
    number_input,
    number_output,
    shards_of,
)
from assay.corpus.provenance.story import Chapter, DocumentStory, hash_prefix, is_called
from assay.corpus.steps.bare_output import BareManifest, read_manifest
from assay.spec.errors import UserError

_SHOWN = frozenset(("id", "hash", "text", "source", "licence", "license", "retrieved", "removed_by", "detail"))


@dataclass(frozen=True)
class _Place:
    """Numbered documents: what went in, or one side of what came out of a step."""

    folder: Path
    step: str
    fate: str
    files: Path
    numbers: Numbers
    changes: dict[int, dict[str, Any]]

    def lines(self) -> Iterator[tuple[int, Line]]:
        for name, shard in shards_of(self.files).items():
            yield from zip(self.numbers[name], lines_of(shard, whole=bool(self.step)), strict=True)


def find_in_folder(folder: Path, wanted: str) -> list[DocumentStory]:
    """The documents whose id is `wanted`, or the hash of whose text begins so, as far back as inputs are still there.

    `DOMAIN:ID` will do. A document without an id is known by its file and line, in what first went in or, where nothing
    there is called so, in what went into a later step.

    Raises:
        UserError: no step wrote the folder, the document is in none of them, or a file is damaged.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise UserError(f"{folder}: neither a lab nor a folder that a step wrote")
    chain = [(folder, manifest)]
    while (before := _before(*chain[-1])) is not None:
        chain.append(before)
    places = _places(chain[::-1])
    asked = _asked(places, wanted)
    stories: dict[int, DocumentStory] = {}
    for place in places:
        for number, line in place.lines():
            record = line.record() if number in asked else None
            if record is not None:
                story = stories.setdefault(number, _begin(place, number, line, record))
                story.chapters.append(_chapter(place, number, record))
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


def _places(chain: list[tuple[Path, BareManifest]]) -> list[_Place]:
    """What first went in, if it is still there, and both sides of each step, the first step first."""
    origin = _input(*chain[0])
    remade = read_manifest(origin) is not None  # no longer what went in
    source, numbers = origin, {} if remade else number_input(origin)
    places = [_Place(origin, "", "read", origin, numbers, {})] if numbers else []
    for folder, manifest in chain:
        found: Output | None = follow(source, numbers, folder) if places else None
        if found is None:
            places, found = [], number_output(folder)
        for side, each in (("kept", found.kept), ("removed", found.removed)):
            places.append(_Place(folder, manifest.step, side, folder / side, each, found.changes))
        source, numbers = folder / "kept", found.kept
    return places


def _asked(places: list[_Place], wanted: str) -> set[int]:
    """Numbers of the documents that are meant."""
    prefix = hash_prefix(wanted)
    asked: set[int] = set()
    called: set[int] = set()
    for place in places:
        here: set[int] = set()
        for number, line in place.lines():
            record = line.record()
            if record is None:
                continue
            domain = _domain(line, record)
            by_id = record.get("id") is not None and is_called(wanted, domain, str(record["id"]))
            if by_id or (prefix and _hash(record).startswith(prefix)):
                asked.add(number)
            elif is_called(wanted, domain, _name(place, number, line)):
                here.add(number)
        called = called or here
    return asked | called


def _name(place: _Place, number: int, line: Line) -> str:
    """What a document without an id is called: what a step says it was called, where it removed it."""
    return place.changes[number]["id"] if place.fate == "removed" and number in place.changes else line.place


def _begin(place: _Place, number: int, line: Line, record: dict[str, Any]) -> DocumentStory:
    name = str(record["id"]) if record.get("id") is not None else _name(place, number, line)
    licence = str(record.get("licence") or record.get("license") or "unknown")
    rest = {name: value for name, value in record.items() if name not in _SHOWN}
    return DocumentStory(
        name, _domain(line, record), str(record.get("source", "")), licence, str(record.get("retrieved", "")), "",
        _hash(record), rest,
    )  # fmt: skip


def _chapter(place: _Place, number: int, record: dict[str, Any]) -> Chapter:
    rules, detail, fate = (), "", place.fate
    if fate == "removed":
        rules, detail = (str(record["removed_by"]),), str(record["detail"])
    elif number in place.changes:
        change = place.changes[number]
        fate, rules, detail = "changed", tuple(change["changed_by"]), change["detail"]
    text = record["text"]
    return Chapter(str(place.folder), place.step, fate, rules, detail, len(text.encode(errors="replace")), text)


def _domain(line: Line, record: dict[str, Any]) -> str:
    return str(record.get("domain") or line.shard.domain)


def _hash(record: dict[str, Any]) -> str:
    return text_hash(record["text"].encode(errors="replace")).hex()
