"""Bare files as the input of a step."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from assay.corpus.bad import BadDocument
from assay.corpus.file_kinds import OtherFile
from assay.corpus.licences.policy import Terms
from assay.corpus.records import clean
from assay.corpus.steps.account import Files
from assay.corpus.steps.bare_batch import BarePiece
from assay.corpus.steps.bare_files import BareShard
from assay.corpus.steps.facts import Facts
from assay.corpus.steps.pool import ordered
from assay.corpus.steps.repeated import repeated
from assay.corpus.steps.surveys import Surveys

#: Hashes of domains and ids, uint64, in pieces; iterated several times.
Keys = Iterable[np.ndarray]
_NAMED = 5


class BareInput:
    """Documents of bare files.

    Args:
        facts: folder for what the first look at each batch finds out.
        skip_bad: pass over what is no document, and count it.
        earlier: keys of documents to which these are added; then no id may come again at all.
        terms: which licences documents may have; None: any.

    Attributes:
        shards: the files.
        size: bytes of them all.
    """

    def __init__(
        self,
        shards: Sequence[BareShard],
        facts: Path,
        *,
        skip_bad: bool = False,
        earlier: Keys | None = None,
        terms: Terms | None = None,
    ) -> None:
        self.shards, self._skip_bad, self._earlier, self._terms = shards, skip_bad, earlier, terms or Terms()
        self.size = sum(shard.size for shard in shards)
        self.facts = Surveys(facts)
        self._damaged: dict[str, str] = {}  # files and rows by message, since they are met in every pass
        self._others: dict[str, list[str]] = {}

    @property
    def bad(self) -> dict[str, int]:
        """What was passed over, lines and whole files, by what is wrong with them; complete after `prepare`."""
        counts = Counter(self._damaged.values())
        for arrays in self.facts:
            counts.update(Facts.of(arrays).kinds)
        return dict(counts)

    @property
    def other_files(self) -> dict[str, Files]:
        """Files of the input that hold no text, by kind; complete after a pass."""
        return {
            kind: Files(files=len(names), names=tuple(clean(name) for name in names[:_NAMED]))
            for kind, names in sorted(self._others.items())
        }

    @property
    def names(self) -> list[str]:
        return [shard.name for shard in self.shards]

    def pieces(self) -> Iterator[BarePiece]:
        """Batches in order. Raises `BadDocument` where a file is damaged."""
        index, first, before = 0, 0, 0
        self._others = {}
        for number, shard in enumerate(self.shards):
            for lines in chain(shard.others, shard.read()):
                if isinstance(lines, OtherFile):
                    self._others.setdefault(lines.kind, []).append(lines.name)
                    continue
                if isinstance(lines, BadDocument):
                    self._pass_over(lines)
                    continue
                known = Facts.of(self.facts.load(index)) if self.facts.has(index) else None
                done = before + min(lines.position, shard.size or lines.position)
                yield BarePiece(
                    index,
                    number,
                    first,
                    done,
                    lines,
                    shard.domain,
                    shard.settled,
                    shard.source,
                    self.facts,
                    self._skip_bad,
                    self._terms,
                )
                first += len(lines) if known is None else len(known)
                index += 1
            before += shard.size

    def _pass_over(self, bad: BadDocument) -> None:
        if not self._skip_bad:
            raise bad
        self._damaged[str(bad)] = bad.kind

    def prepare(self, workers: int, progress: Callable[[int], None]) -> None:
        """Find what is to be passed over, before anything counts documents."""
        if self._skip_bad:
            for done in ordered(_look, self.pieces(), workers):
                progress(done)
            self.check()

    @property
    def passes(self) -> int:
        """How often `prepare` reads the input."""
        return int(self._skip_bad)

    def check(self) -> None:
        """Once all pieces have been loaded: find ids that were given before, and an input without documents.

        Equal texts under one id are no contradiction but duplicates, which are for deduplication to find; only where
        documents are added to earlier ones no id may come again.

        Raises:
            UserError: names the line, unless such documents are passed over.
        """
        keys = _Hashes(self.facts, self._earlier)
        if keys.total == keys.before:
            passed = ", ".join(f"{count} {kind}" for kind, count in sorted(self.bad.items()))
            more = f" and {len(self.shards) - 1} more" if len(self.shards) > 1 else ""
            passed = f"; passed over: {passed}" if passed else ""
            raise BadDocument("empty", f"{self.shards[0].path}{more}: no text in it{passed}")
        again = repeated(keys)
        if len(again) and not self._skip_bad:
            place, before = (again[0] - keys.before).tolist()
            places = self._places([place] if before < 0 else [place, before])
            raise BadDocument("duplicate id", _again(places))
        for index, rows in keys.pieces(again[:, 0]):
            facts = Facts.of(self.facts.load(index))
            lines = np.delete(np.arange(len(facts) + len(facts.bad)), facts.bad)[rows]
            self.facts.save(index, facts.without(rows, lines, "duplicate id").arrays())

    def _places(self, places: Sequence[int]) -> list[tuple[str, str]]:
        """File and line, and id, of documents by their numbers."""
        found: dict[int, tuple[str, str]] = {}
        for piece in self.pieces():
            inside = [place for place in places if 0 <= place - piece.first < len(piece.lines)]
            if inside:
                batch = piece.load()
                for place in inside:
                    row = place - piece.first
                    found[place] = piece.lines.where(int(batch.bounds[2][row])), batch.column("id")[row]
        return [found[place] for place in places]


def _look(piece: BarePiece) -> int:
    piece.load()
    return piece.done


def _again(places: Sequence[tuple[str, str]]) -> str:
    (here, name), *there = places
    advice = "give every document an id of its own, or pass over the second one with --skip-bad"
    if not there:
        return f"{here}: a document with the id '{name}' is in the lab's text already; {advice}"
    return f"{here}: the id '{name}' was given to another document before ({there[0][0]}); {advice}"


class _Hashes:
    """Hashes of the ids and texts of all documents, piece by piece.

    Attributes:
        total: documents, earlier ones included.
        before: earlier ones.
    """

    def __init__(self, facts: Surveys, earlier: Keys | None) -> None:
        self._facts, self._earlier = facts, earlier
        self._ends = np.cumsum([len(arrays["keys"]) for arrays in facts])
        self.before = sum(len(keys) for keys in earlier) if earlier is not None else 0
        self.total = self.before + (int(self._ends[-1]) if len(self._ends) else 0)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        if self._earlier is None:
            yield from ((arrays["keys"], arrays["prints"]) for arrays in self._facts)
            return
        place = 0
        for keys in chain(self._earlier, (arrays["keys"] for arrays in self._facts)):
            yield keys, np.arange(place, place + len(keys), dtype=np.uint64)  # no two documents are the same
            place += len(keys)

    def pieces(self, places: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Piece by piece, the rows at which documents are, given their numbers in ascending order."""
        own = places - self.before
        indexes = np.searchsorted(self._ends, own, side="right")
        for index in np.unique(indexes).tolist():
            yield index, own[indexes == index] - (int(self._ends[index - 1]) if index else 0)
