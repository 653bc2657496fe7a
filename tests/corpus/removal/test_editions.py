"""After a removal a lab's editions and accounts are those of a lab that never had the documents."""

import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from assay.corpus.documents import Source
from assay.corpus.editions.edition import OpenEdition, lineage, newest_edition
from assay.corpus.ingest.add import Intake, add
from assay.corpus.merkle import document_leaf, merkle_root
from assay.corpus.removal.accounts import leaving
from assay.corpus.removal.editions import editions_of, rewrite
from assay.corpus.removal.files import watch_files
from assay.corpus.removal.quotations import Quotations
from assay.corpus.removal.request import ON_REQUEST, Request
from assay.corpus.removal.trace import trace
from assay.corpus.steps.clean import Clean
from assay.corpus.steps.lab import run_in_lab
from assay.spec.cleaning import Cleaning

from ..steps.toy import ToyClean

WORDS = "the quick brown fox jumps over a lazy dog and of to in that it was on for as with be".split()  # noqa: SIM905


def _records(first: int, count: int) -> list[dict[str, str]]:
    found = []
    for number in range(first, first + count):
        body = " ".join(WORDS[(number * 7 + place * (number % 5 + 1)) % len(WORDS)] for place in range(60))
        extra = {
            0: " buy spam",
            1: f" mail{number}@example.org and DE89370400440532013000 in colour",
            2: " a fine colour",
        }
        name = f"d{number}"
        source = "bad.org" if number % 3 == 0 or number % 7 == 1 else "good.org"
        found.append({"id": name, "text": f"{name} {body}.{extra.get(number % 6, '')}", "source": source})
    return found


def _write(path: Path, records: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def _make(lab: Path, without: str = "") -> Path:
    """A lab with text of two intakes and three steps; if told so, without one of the sources."""
    for number in (0, 1):
        kept = [each for each in _records(40 * number, 40) if each["source"] != without]
        path = _write(lab.with_name(f"{lab.name}-{number}.jsonl"), kept)
        add(lab, Intake((Source(f"part{number}", str(path)),)))
        run_in_lab(Clean(Cleaning(filters=("personal_data",), learn=False)), lab)
        run_in_lab(ToyClean(), lab)
    return lab


def _remove(lab: Path, request: Request) -> None:
    line, others = editions_of(lab)
    quotations = Quotations()
    found = trace(line, others, request, quotations)
    rewrite(lab, line, request, leaving(found), quotations)


def _rows(edition: OpenEdition, side: str) -> list[dict[str, object]]:
    tables = (pq.read_table(edition.shard(shard.name, side)) for shard in edition.manifest.shards)
    return [row for table in tables for row in table.to_pylist()]


def _line(lab: Path) -> list[OpenEdition]:
    return list(lineage(newest_edition(lab)))[::-1]


def test_as_if_they_had_never_come_in(tmp_path: Path) -> None:
    lab, never = _make(tmp_path / "lab"), _make(tmp_path / "never", without="bad.org")
    before = [edition.account() for edition in _line(lab)]
    _remove(lab, Request(("bad.org",)))
    for number, (one, other) in enumerate(zip(_line(lab), _line(never), strict=True)):
        for side in ("kept", "removed"):
            assert _rows(one, side) == _rows(other, side)
        assert (one.manifest.root, one.manifest.removed_root) == (other.manifest.root, other.manifest.removed_root)
        assert (one.manifest.documents, one.manifest.domains) == (other.manifest.documents, other.manifest.domains)
        mine, theirs = one.account(), other.account()
        assert (mine.out, mine.changed) == (theirs.out, theirs.changed)
        assert {name: flow.out for name, flow in mine.domains.items()} == {
            name: flow.out for name, flow in theirs.domains.items()
        }
        if mine.step == "add":  # they are counted where they came in
            assert mine.into == before[number].into
            assert mine.removed == {ON_REQUEST: mine.into - mine.out}
        else:
            assert (mine.into, mine.removed) == (theirs.into, theirs.removed)
    assert any(len(account.changed) > 1 for account in before)  # several rules in a text were told apart


def test_in_two_removals_as_in_one(tmp_path: Path) -> None:
    one, two = _make(tmp_path / "one"), _make(tmp_path / "two")
    texts = [record["text"] for record in _records(0, 80) if record["source"] == "bad.org"]
    _remove(one, Request(("bad.org",)))
    _remove(two, Request(tuple(hashlib.sha256(text.encode()).hexdigest()[:20] for text in texts[3:17])))
    _remove(two, Request(("bad.org",)))
    for a, b in zip(_line(one), _line(two), strict=True):
        timeless = {"seconds": 0.0, "cpu_seconds": 0.0}
        assert a.account().model_copy(update=timeless) == b.account().model_copy(update=timeless)
        assert a.report()["removed_on_request"] == b.report()["removed_on_request"]
        assert a.manifest.root == b.manifest.root


@pytest.mark.parametrize("side", ["kept", "removed"])
def test_roots_are_those_of_the_texts(tmp_path: Path, side: str) -> None:
    lab = _make(tmp_path / "lab")
    _remove(lab, Request(("bad.org",)))
    for edition in _line(lab):
        leaves = []
        for row in _rows(edition, side):
            fields = (str(row[name]) for name in ("domain", "id", "source", "licence"))
            leaves.append(document_leaf(hashlib.sha256(str(row["text"]).encode()).digest(), *fields))
        assert merkle_root(leaves) == (edition.manifest.root if side == "kept" else edition.manifest.removed_root)


def test_progress_rises_from_nothing_to_all_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.corpus.editions.rows.GROUP_BYTES", 1000)
    lab = tmp_path / "lab"
    lab.mkdir()
    _make(lab)
    (lab / "notes.txt").write_text("some text of forty letters or thereabouts")
    size = sum(path.stat().st_size for path in (lab / "text").glob("*/*/*.parquet"))
    shown: dict[str, list[tuple[int, int | None]]] = {}

    def progress(done: int, total: int | None, message: str) -> None:
        shown.setdefault(message, []).append((done, total))

    line, others = editions_of(lab)
    request, quotations = Request(("bad.org",)), Quotations()
    watch_files(lab, quotations, progress)
    found = trace(line, others, request, quotations, progress)
    rewrite(lab, line, request, leaving(found), quotations, progress)
    files, searched, written = shown.values()
    for calls, total in ((files, 41), (searched, size), (written, size)):
        assert [done for done, _ in calls] == sorted(done for done, _ in calls)
        assert (calls[0][0], calls[-1]) == (0, (total, total))
        assert {each for _, each in calls} == {total}
    assert len(searched) > 50, "it should move within a file"
