"""What was removed on request: `text/removals/NNNN.jsonl`, a file a request, without any text.

The first line says what was asked for and done, each other one tells the story of a document. While a removal is under
way the file has a dot before its name, so that one that was killed is done again with all that it was to remove.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assay.corpus.editions.edition import TEXT
from assay.corpus.removal.request import Request
from assay.corpus.removal.trace import Passing, Traced
from assay.corpus.workfolder import sync
from assay.spec.errors import UserError

_FOLDER = "removals"


class Record:
    """The record of a removal that is under way."""

    def __init__(self, path: Path, documents: list[Traced]) -> None:
        self._path, self.documents = path, documents

    @classmethod
    def begin(cls, lab: Path, request: Request, documents: Sequence[Traced]) -> "Record":
        """Write down what is about to go, with what a killed removal of the same had found before.

        Raises:
            UserError: a removal of something else was killed and must be done first.
        """
        folder = lab / TEXT / _FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        left = cls.unfinished(lab)
        if left is None:
            record = cls(folder / f".{len(list(folder.glob('*.jsonl'))) + 1:04}.jsonl", list(documents))
        else:
            record, words = left
            if set(words) != set(request.words):
                raise UserError(
                    f"{lab}: a removal was interrupted; first run `assay corpus remove {lab} {' '.join(words)}` again"
                )
            known = {(each.domain, each.id, each.hash): each for each in documents}
            known |= {(each.domain, each.id, each.hash): each for each in record.documents}
            record.documents = list(known.values())
        head = {"date": datetime.now(UTC).date().isoformat(), "request": list(request.words), "reason": request.reason}
        record._write(head, record._path)
        return record

    @classmethod
    def unfinished(cls, lab: Path) -> "tuple[Record, list[str]] | None":
        """The record of a removal that was killed, and its words."""
        for path in (lab / TEXT / _FOLDER).glob(".*.jsonl"):
            head, documents = _read(path)
            return cls(path, list(documents)), head["request"]
        return None

    def not_found(self, request: Request) -> list[str]:
        """The words of a request that none of the documents is meant by."""
        found = {word for each in self.documents for word in request.asks_for(each.source, each.hashes)}
        return [word for word in request.words if word not in found]

    def finish(self, done: dict[str, Any]) -> None:
        """Say what was done, and give the record its name."""
        head, _ = _read(self._path)
        self._write({**head, "done": done}, self._path)
        self._path.replace(self._path.with_name(self._path.name.removeprefix(".")))
        sync(self._path.parent)

    def _write(self, head: dict[str, Any], path: Path) -> None:
        temporary = path.with_suffix(".tmp")
        with temporary.open("w", encoding="utf-8") as file:
            for line in (head, *map(_line, self.documents)):
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)


def removed_documents(lab: Path) -> Iterator[tuple[Request, str, Traced]]:
    """All documents that were removed on request, with the request and its date, in that order."""
    for path in sorted((lab / TEXT / _FOLDER).glob("[0-9]*.jsonl")):
        head, documents = _read(path)
        for document in documents:
            yield Request(tuple(head["request"]), head["reason"]), head["date"], document


def _line(document: Traced) -> dict[str, Any]:
    return {**vars(document), "hashes": sorted(document.hashes), "passings": [p._asdict() for p in document.passings]}


def _read(path: Path) -> tuple[dict[str, Any], Iterator[Traced]]:
    # Not `splitlines`, since ids and reasons may hold line breaks of Unicode, which JSON leaves as they are.
    head, *documents = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    return json.loads(head), (_document(json.loads(line)) for line in documents)


def _document(line: dict[str, Any]) -> Traced:
    return Traced(**{
        **line, "hashes": set(line["hashes"]), "passings": [Passing(**passing) for passing in line["passings"]],
    })  # fmt: skip
