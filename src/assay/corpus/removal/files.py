"""What people keep in a lab's folder that quotes removed documents: labels, pages, notes."""

import html
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from assay.corpus.removal.quotations import Quotations, strings_of
from assay.corpus.removal.reading import Reading
from assay.corpus.steps.engine import Progress
from assay.corpus.workfolder import sync

#: The lab's own, in which nothing quotes any text once editions and corpora are without it.
_OWN = frozenset(("text", "corpora", "vault", "runs", "lab.toml", "lab.db", "lab.db-wal", "lab.db-shm", "lab.lock"))
_LARGEST = 256 << 20
_TAG = re.compile(r"<[^>]*>")
#: Fields of labels, whose lines go, and of exchanges with a labeller, whose costs stay.
_LABEL, _EXCHANGE = {"text", "grade", "author"}, {"cost_usd", "request"}


class Cleared(NamedTuple):
    """Files by their paths in the lab.

    `shortened` lost lines, `deleted` may be made again, `left` still quote, `unread` are too large to be searched.
    """

    shortened: list[str]
    deleted: list[str]
    left: list[str]
    unread: list[str]


def watch_files(lab: Path, quotations: Quotations, progress: Progress | None = None) -> None:
    """Look for quotations in the files of a lab's folder."""
    for path in _small_files(lab, progress):
        for strings in _strings(path):
            quotations.watch(strings)


def clear_files(lab: Path, quotations: Quotations, progress: Progress | None = None) -> Cleared:
    """Take labels that quote out of their files, and delete pages that do; the report on the corpus in any case."""
    cleared = Cleared([], [], [], [str(path.relative_to(lab)) for path in _files(lab) if _is_large(path)])
    for path in _small_files(lab, progress):
        name = str(path.relative_to(lab))
        quoting = [number for number, said in enumerate(_strings(path)) if any(map(quotations.quotes, said))]
        if name == "corpus.html" or (quoting and path.suffix == ".html"):
            path.unlink()
            cleared.deleted.append(name)
        elif quoting and _is_labels(path):
            _shorten(path, set(quoting), quotations)
            cleared.shortened.append(name)
        elif quoting:
            cleared.left.append(name)
    return cleared


def _files(lab: Path) -> Iterator[Path]:
    for path in sorted(lab.iterdir()):
        if path.name not in _OWN and not path.is_symlink():
            found = sorted(path.rglob("*")) if path.is_dir() else [path]
            yield from (each for each in found if each.is_file() and not each.is_symlink())


def _is_large(path: Path) -> bool:
    return path.stat().st_size > _LARGEST


def _small_files(lab: Path, progress: Progress | None) -> Iterator[Path]:
    paths = [path for path in _files(lab) if not _is_large(path)]
    return Reading(paths, "looking through the lab's files for quotations", progress).files(paths)


def _strings(path: Path) -> Iterator[Iterable[str]]:
    """What each line of a file says; nothing of a file that is no text."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    if path.suffix == ".html":
        yield [html.unescape(piece) for piece in _TAG.split(text)]
        return
    for line in text.split("\n"):
        try:
            yield strings_of(json.loads(line))
        except ValueError:
            yield [line, *line.split('"')]  # what is quoted, or a string of a record that was cut short


def _is_labels(path: Path) -> bool:
    with path.open(encoding="utf-8") as file:
        first = _record(file.readline())
    return set(first) >= _LABEL or set(first) >= _EXCHANGE


def _record(line: str) -> dict[str, Any]:
    """The JSON object in a line; empty where there is none, as in a last line that was cut short."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _shorten(path: Path, quoting: set[int], quotations: Quotations) -> None:
    lines: list[str] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n")):
        if number not in quoting:
            lines.append(line)
        elif set(record := _record(line)) >= _EXCHANGE:
            lines.append(json.dumps(quotations.without(record), ensure_ascii=False))
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text("\n".join(lines), encoding="utf-8")
    sync(temporary)
    temporary.replace(path)
