"""Taking text in: every document with where it comes from, the same bytes after a kill, bounded memory."""

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from assay.corpus.documents import Source
from assay.corpus.editions.edition import OpenEdition, lineage, newest_edition
from assay.corpus.ingest import add as module
from assay.corpus.ingest.add import Intake, add
from assay.corpus.sources import read_source
from assay.corpus.steps.lab import run_in_lab
from assay.spec.errors import UserError

from ..steps.toy import ToyClean, ToyDedup


def rows(edition: OpenEdition, side: str = "kept") -> list[dict[str, Any]]:
    """All documents of an edition, in order."""
    return [row for s in edition.manifest.shards for row in pq.read_table(edition.shard(s.name, side)).to_pylist()]


def write_many(path: Path, count: int, first: int = 0) -> None:
    """JSON lines with some texts that come twice, some with 'spam' and some with 'colour'."""
    made = []
    for i in range(first, first + count):
        words = f"{i - 5 if i % 9 == 0 and i >= 5 else i}" + " spam" * (i % 4 == 0) + " colour" * (i % 3 == 0)
        made.append(json.dumps({"id": f"r{i}", "text": f"{words} " + "grün " * (i % 40 + 1), "url": f"u{i}"}) + "\n")
    content = "".join(made).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(zstandard.compress(content) if path.suffix == ".zst" else content)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches, row groups and shards of a few documents."""
    monkeypatch.setattr("assay.corpus.chunks.CHUNK", 1000)
    monkeypatch.setattr("assay.corpus.steps.lines.BATCH_BYTES", 3000)
    monkeypatch.setattr("assay.corpus.editions.rows.GROUP_BYTES", 2000)
    monkeypatch.setattr(module, "SHARD_BYTES", 10_000)


def test_provenance(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.md").write_text("# Title\n")
    (folder / "sub" / "b.txt").write_text("\ufeffsome text")
    records = [
        {
            "text": "one",
            "id": "x#2",
            "licence": "MIT",
            "source": "somewhere",
            "retrieved": "2020-02-03",
            "n": [1],
            "nan": float("nan"),
            "in": {"side": [float("inf"), 2]},
        },
        {"text": "two", "license": "Apache-2.0", "domain": "theirs"},
    ]
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    pq.write_table(pa.table({"text": ["three"], "score": [0.5]}), tmp_path / "p.parquet")
    sources = tuple(Source(*pair) for pair in (("notes", str(folder)), ("web", str(tmp_path / "r.jsonl")),
                                               ("web", str(tmp_path / "p.parquet"))))  # fmt: skip
    account, name = add(tmp_path, Intake(sources, licence="CC0-1.0"))
    edition = newest_edition(tmp_path)
    assert edition.id == name
    today = time.strftime("%Y-%m-%d", time.gmtime())
    got = {row["text"]: row for row in rows(edition)}
    assert {text: (row["domain"], row["id"], row["licence"], row["retrieved"]) for text, row in got.items()} == {
        "# Title\n": ("notes", "a.md", "CC0-1.0", today),
        "some text": ("notes", "sub/b.txt", "CC0-1.0", today),
        "one": ("web", "x#2", "MIT", "2020-02-03"),
        "two": ("web", "r.jsonl:2", "Apache-2.0", today),
        "three": ("web", "p.parquet:1", "CC0-1.0", today),
    }
    assert got["one"]["source"] == "somewhere"
    assert got["two"]["source"] == str(tmp_path / "r.jsonl")
    extras = {text: orjson.loads(row["extra"]) for text, row in got.items()}
    assert (extras["one"], extras["two"], extras["three"]) == (
        {"n": [1], "nan": None, "in": {"side": [None, 2]}}, {"domain": "theirs"}, {"score": 0.5}
    )  # fmt: skip
    assert all(row["hash"] == hashlib.sha256(text.encode()).digest() for text, row in got.items())
    assert account.into.documents == account.out.documents == 5
    # A corpus is split by these groups, whichever way its text came.
    groups = {document.text: document.group for source in sources for document in read_source(source)}
    assert {text: row["group"] for text, row in got.items()} == groups


@pytest.mark.usefixtures("small")
def test_any_number_of_shards_and_workers_gives_the_same_documents(tmp_path: Path) -> None:
    """Through clean and dedup: equal documents, roots and accounts, and shards that are ranges of one order."""
    write_many(tmp_path / "web.jsonl", 600)
    found = []
    for shards, workers in ((None, 1), (1, 1), (2, 2), (7, 1), (7, 3)):
        lab = tmp_path / f"lab-{shards}-{workers}"
        lab.mkdir()
        source = Source("web", str(tmp_path / "web.jsonl"))
        add(lab, Intake((source,), shards=shards), workers=workers)
        accounts = [run_in_lab(step, lab, workers=workers)[0] for step in (ToyClean(), ToyDedup(), ToyClean())]
        editions = list(lineage(newest_edition(lab)))
        counts = {len(edition.manifest.shards) for edition in editions}
        assert counts == {shards} if shards else min(counts) > 2
        found.append((
            [edition.id for edition in editions],
            [(rows(edition), rows(edition, "removed")) for edition in editions],
            [account.model_copy(update={"seconds": 0.0, "cpu_seconds": 0.0}) for account in accounts],
        ))  # fmt: skip
    assert all(each == found[0] for each in found)
    ids, editions, accounts = found[0]
    assert len(set(ids)) == 4
    assert [len(kept) for kept, _ in editions] == [accounts[k].out.documents for k in (2, 1, 0)] + [600]
    assert all(row["removed_by"] == "exact" for row in editions[1][1])
    cleaned = [row for row in editions[2][0] if "color" in row["text"]]
    assert {tuple(row["steps"]) for row in cleaned} == {("add", "clean: spelling.colour -1")}
    assert all(row["text_hash"] == hashlib.sha256(row["text"].encode()).digest() != row["hash"] for row in cleaned)


@pytest.mark.usefixtures("small")
def test_adding_again_keeps_what_was_there(tmp_path: Path) -> None:
    write_many(tmp_path / "a.jsonl", 100)
    write_many(tmp_path / "b.jsonl", 100, first=80)
    write_many(tmp_path / "c.jsonl", 50, first=100)
    add(tmp_path, Intake((Source("web", str(tmp_path / "a.jsonl")),)))
    run_in_lab(ToyClean(), tmp_path)
    before = newest_edition(tmp_path)
    with pytest.raises(UserError, match=r"b.jsonl, line 2: a document with the id 'r81' is in the lab's text already"):
        add(tmp_path, Intake((Source("web", str(tmp_path / "b.jsonl")),)))
    assert newest_edition(tmp_path).id == before.id
    assert sorted(path.name for path in (tmp_path / "text").iterdir() if path.name.startswith(".")) == []
    add(tmp_path, Intake((Source("other", str(tmp_path / "b.jsonl")),)))
    add(tmp_path, Intake((Source("web", str(tmp_path / "c.jsonl")),)))
    after = newest_edition(tmp_path)
    assert rows(after)[: before.manifest.documents] == rows(before)
    assert len(rows(after)) == before.manifest.documents + 150


def test_what_was_added_before_is_not_added_again(tmp_path: Path) -> None:
    write_many(tmp_path / "in" / "a.jsonl", 40)
    (tmp_path / "in" / "b.txt").write_text("words")
    lab = tmp_path / "lab"
    lab.mkdir()
    intake = Intake((Source("web", str(tmp_path / "in")),))
    _, first = add(lab, intake)
    run_in_lab(ToyClean(), lab)
    newest = newest_edition(lab).id
    for again in (intake, Intake((Source("web", os.path.relpath(tmp_path / "in")),))):
        account, edition = add(lab, again)
        assert (account.into.documents, account.out.documents, edition) == (0, 0, first)
        assert newest_edition(lab).id == newest
    # Another domain is another request, and so are files that changed, even if they are as large as before.
    _, second = add(lab, Intake((Source("other", str(tmp_path / "in")),)))
    both = Intake((Source("other", str(tmp_path / "in")), *intake.sources))
    assert add(lab, both)[1] == second, "what was added one by one is there together"
    (tmp_path / "in" / "b.txt").write_text("swords"[:5])
    os.utime(tmp_path / "in" / "b.txt", ns=(1, 1))
    with pytest.raises(UserError, match=r"the id 'r1' is in the lab's text already; .* --skip-bad"):
        add(lab, intake)
    write_many(tmp_path / "in" / "c.jsonl", 10, first=1000)
    add(lab, Intake(intake.sources, skip_bad=True))
    assert {f"r{i}" for i in range(1000, 1010)} < {row["id"] for row in rows(newest_edition(lab))}
    os.utime(tmp_path / "in" / "b.txt", ns=(2, 2))
    with pytest.raises(UserError, match=r"a\.jsonl and 2 more: no text in it; passed over: 51 duplicate id"):
        add(lab, Intake(intake.sources, skip_bad=True))
    assert not list((lab / "text").glob(".add-*"))


@pytest.mark.usefixtures("small")
def test_duplicate_ids_in_one_request(tmp_path: Path) -> None:
    write_many(tmp_path / "a.jsonl", 100)
    write_many(tmp_path / "b.jsonl", 100, first=80)
    sources = tuple(Source("web", str(tmp_path / name)) for name in ("a.jsonl", "b.jsonl"))
    with pytest.raises(UserError, match=r"b.jsonl, line 1: the id 'r80' was given .* before \(\S*a.jsonl, line 81\)"):
        add(tmp_path, Intake(sources))
    account, _ = add(tmp_path, Intake(sources, skip_bad=True))
    assert account.bad == {"duplicate id": 20}
    assert [row["id"] for row in rows(newest_edition(tmp_path))] == [f"r{i}" for i in range(180)]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("shards", [None, 3])
def test_interrupted_it_goes_on_after_the_shards_that_were_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shards: int | None
) -> None:
    write_many(tmp_path / "web.jsonl", 600)
    intake = Intake((Source("web", str(tmp_path / "web.jsonl")),), shards=shards)
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
    add(tmp_path / "whole", intake)
    looked: list[int] = []
    original = module.rows_of

    def stops_at_the_tenth(*words: Any) -> pa.Table:
        looked.append(words[0].first)
        if len(looked) == 10:
            raise KeyboardInterrupt
        return original(*words)

    monkeypatch.setattr(module, "rows_of", stops_at_the_tenth)
    with pytest.raises(KeyboardInterrupt):
        add(tmp_path / "stopped", intake)
    add(tmp_path / "stopped", intake)
    assert 0 < len(set(looked[:10]) & set(looked[10:])) < 9, "it should read again only what was not in a whole shard"
    assert _files(tmp_path / "stopped") == _files(tmp_path / "whole")
    # Another request, or changed files, start from nothing.
    (tmp_path / "changed").mkdir()
    looked.clear()
    with pytest.raises(KeyboardInterrupt):
        add(tmp_path / "changed", intake)
    write_many(tmp_path / "web.jsonl", 500)
    looked.clear()
    with pytest.raises(KeyboardInterrupt):
        add(tmp_path / "changed", intake)
    assert looked[0] == 0


WORKER = """
import sys
from pathlib import Path
import assay.corpus.chunks, assay.corpus.steps.lines
from assay.corpus.documents import Source
from assay.corpus.ingest import add
assay.corpus.chunks.CHUNK = assay.corpus.steps.lines.BATCH_BYTES = 20_000
add.SHARD_BYTES = 100_000
lab, source, workers = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
add.add(lab, add.Intake((Source("web", source),), shards=int(sys.argv[4]) or None), workers=workers)
"""


def _files(lab: Path) -> dict[str, bytes]:
    """Every file of the newest edition but the one with its times."""
    folder = newest_edition(lab).folder
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "account.json"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.mark.slow
@pytest.mark.parametrize("shards", [0, 3])
def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(tmp_path: Path, shards: int) -> None:
    write_many(tmp_path / "web.jsonl.zst", 30_000)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    command = [sys.executable, "-c", WORKER]
    rest = [str(tmp_path / "web.jsonl.zst"), "2", str(shards)]
    started = time.monotonic()
    subprocess.run([*command, str(whole), *rest], check=True, capture_output=True)
    took = time.monotonic() - started
    draw = random.Random(shards)
    kills = 0
    for _ in range(6):
        process = subprocess.Popen([*command, str(killed), *rest], stdout=subprocess.PIPE, start_new_session=True)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(draw.uniform(0.0, 0.5) * took)
        kills += process.poll() is None
        process.kill()
        process.wait()
        if (killed / "text" / "newest").exists():
            break
        assert not [path for path in (killed / "text").iterdir() if not path.name.startswith(".") and path.is_dir()]
    assert kills
    if not (killed / "text" / "newest").exists():
        subprocess.run([*command, str(killed), *rest], check=True, capture_output=True)
    assert _files(killed) == _files(whole)
