"""Documents in folders that steps wrote, each with one number from what first went in to the last folder.

Ids do not tell documents apart: many have none, and copies may share one. Steps keep the order of lines, and say which
they changed or removed, so lines can be followed.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from assay.corpus.bad import BadDocument
from assay.corpus.records import clean
from assay.corpus.steps.bare_files import BareShard, NoText, bare_shards
from assay.corpus.steps.changes import CHANGES, read_changes
from assay.corpus.steps.lines import Lines

#: Numbers of the documents of each file, in order.
Numbers = dict[str, list[int]]


@dataclass(frozen=True)
class Line:
    """A line of a file. `place`: the file's name and the number of the line, as steps call records without an id."""

    shard: BareShard
    place: str
    number: int
    raw: bytes

    def record(self) -> dict[str, Any] | None:
        """The record, if it is one with a text."""
        try:
            found = json.loads(self.raw)
        except ValueError:
            return None
        return found if isinstance(found, dict) and isinstance(found.get("text"), str) else None


@dataclass(frozen=True)
class Output:
    """What came out of a step: numbers of the documents it kept and removed, and what it says of some of them."""

    kept: Numbers
    removed: Numbers
    changes: dict[int, dict[str, Any]]


def shards_of(folder: Path) -> dict[str, BareShard]:
    """The files of a place by name; none where there is no text."""
    try:
        return {shard.name: shard for shard in bare_shards(folder)} if folder.exists() else {}
    except NoText:  # all of it went to the other side
        return {}


def lines_of(shard: BareShard | None, *, whole: bool = True) -> Iterator[Line]:
    """The lines of a file. Raises `BadDocument` if it is damaged, unless it need not be `whole`."""
    for lines in shard.read() if shard else ():
        if shard and isinstance(lines, Lines):
            for start, end, number in zip(*(array.tolist() for array in lines.bounds), strict=True):
                yield Line(shard, f"{lines.name}:{number}", number, lines.raw[start:end])
        elif whole and isinstance(lines, BadDocument):
            raise lines


def number_input(place: Path) -> Numbers:
    """Numbers for what went into a first step."""
    fresh = count()
    return {name: [next(fresh) for _ in lines_of(shard, whole=False)] for name, shard in shards_of(place).items()}


def number_output(folder: Path) -> Output:
    """Numbers for what came out of a step whose input is there no more."""
    fresh = count()
    kept, removed = (
        {name: [next(fresh) for _ in lines_of(shard)] for name, shard in shards_of(folder / side).items()}
        for side in ("kept", "removed")
    )
    changes: dict[int, dict[str, Any]] = {}
    for name in kept | removed if (folder / CHANGES).is_dir() else ():
        entries = list(read_changes(folder, name))
        gone = [entry for entry in entries if "removed_by" in entry]
        changes.update(zip(removed.get(name, ()), gone, strict=True))
        changes.update(_changed(kept.get(name, ()), shards_of(folder / "kept").get(name), entries))
    return Output(kept, removed, changes)


def _changed(
    numbers: Sequence[int], shard: BareShard | None, entries: list[dict[str, Any]]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """What changed documents with ids; those without cannot be told from others without what went in."""
    by_id = {entry["id"]: entry for entry in entries if "changed_by" in entry}
    for number, line in zip(numbers, lines_of(shard) if by_id else (), strict=bool(by_id)):
        record = line.record()
        if record and record.get("id") is not None and (entry := by_id.get(clean(record["id"]))):
            yield number, entry


def follow(place: Path, numbers: Numbers, folder: Path) -> Output | None:
    """What became of numbered documents in a step; None if what is in a place is not what went into the step."""
    shards, found = shards_of(place), Output({}, {}, {})
    written = (folder / CHANGES).rglob("*.jsonl.zst")
    if {path.relative_to(folder / CHANGES).as_posix().removesuffix(".jsonl.zst") for path in written} != set(shards):
        return None
    kept, removed = shards_of(folder / "kept"), shards_of(folder / "removed")
    for name, shard in shards.items():
        stays, goes = lines_of(kept.get(name)), lines_of(removed.get(name))
        changes = read_changes(folder, name)
        stay, change = next(stays, None), next(changes, None)
        found.kept[name], found.removed[name] = [], []
        for number, line in zip(numbers[name], lines_of(shard, whole=False), strict=True):
            if change and change["line"] == line.number:
                found.changes[number] = change
                gone = next(goes, None) if "removed_by" in change else None
                if gone and not _same_text(line, gone):
                    return None
                (found.removed if gone else found.kept)[name].append(number)
                stay, change = stay if gone else next(stays, None), next(changes, None)
            elif stay and stay.raw == line.raw:
                found.kept[name].append(number)
                stay = next(stays, None)
            # else the step passed it over, since it is no document
        if stay or change:
            return None
    return found


def _same_text(one: Line, other: Line) -> bool:
    before, after = one.record(), other.record()
    return before is not None and after is not None and before["text"] == after["text"]
