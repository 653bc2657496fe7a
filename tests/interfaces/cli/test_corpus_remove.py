"""`assay corpus remove`: documents leave every edition and corpus, and what depends on them is made anew."""

import hashlib
import json
import random
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from assay.corpus.editions.edition import lineage, newest_edition
from assay.corpus.manifest import open_corpus

from .helpers import assay

VOCABULARY = [f"{a}{b}{c}" for a in "bdkmrst" for b in "aeiou" for c in ("", "n", "lk", "st")]


def texts(seed: int, count: int) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(VOCABULARY, k=300)) + "." for _ in range(count)]


@pytest.fixture
def made(tmp_path: Path, material: Path) -> Path:
    """A lab whose corpus was made of an edition: 50 documents of two sources, one of them twice, all deduplicated."""
    found = texts(1, 50)
    rows = [{"id": f"d{i}", "text": text, "source": "good.org" if i % 5 else "bad.org"} for i, text in enumerate(found)]
    rows.append({"id": "copy", "text": found[3], "source": "good.org"})
    path = tmp_path / "web.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    lab = tmp_path / "lab"
    for words in (
        ("init", lab, "--corpus", f"web={path}", "--ladder", material / "ladder.toml", "--recipe",
         material / "start.toml"),
        ("corpus", "dedup", lab, "--method", "exact"),
        ("corpus", "tokenize", lab),
    ):  # fmt: skip
        done = assay(*words)
        assert done.code == 0, done.err
    return lab


def holding(folder: Path, text: str) -> list[str]:
    """Files in which a document can be read: as it is, as Parquet, as tokens of bytes."""
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes()
        plain = text.encode()
        if path.suffix == ".parquet":
            content = json.dumps(pq.read_table(path).to_pydict(), default=str).encode()
        wide = b"".join(bytes((byte, 0)) for byte in plain)
        if plain in content or wide in content:
            found.append(str(path.relative_to(folder)))
    return found


def test_a_source_leaves_everything_and_what_depends_on_it_is_made_anew(made: Path) -> None:
    before = newest_edition(made)
    corpus = next(path.name for path in (made / "corpora").glob("*"))
    bad, good = texts(1, 50)[::5], texts(1, 50)[1]
    assert all(holding(made, text) for text in bad)
    facts = assay("corpus", "remove", made, "bad.org", "--json").json
    assert facts["documents"] == 10
    assert not any(holding(made, text) for text in bad)
    assert holding(made, good)
    # Every edition of the line is another one, in the same order, and says what it holds.
    after = newest_edition(made)
    assert [e.manifest.step for e in lineage(after)] == ["dedup", "add"]
    assert set(facts["editions"]) & {e.id for e in lineage(after)} == set()
    assert before.manifest.documents - after.manifest.documents == 10
    for edition in lineage(after):
        tables = [pq.read_table(edition.shard(shard.name)) for shard in edition.manifest.shards]
        assert sum(len(table) for table in tables) == edition.manifest.documents
    # The lab trains on a corpus that a build of the remaining text gives too.
    new = facts["corpora"][corpus]["became"]
    assert not (made / "corpora" / corpus).exists()
    assert assay("corpus", "tokenize", made, "--json").json["corpus"] == new
    assert assay("train", made, "--json").json["status"] == "finished"
    record = (made / "text" / "removals.jsonl").read_text()
    assert json.loads(record)["request"] == ["bad.org"]


def test_a_corpus_older_than_the_newest_text_is_made_anew_from_the_text_that_it_was_made_of(made: Path) -> None:
    keys = [f"d{i}" for i in range(1, 50) if i % 5]
    words = ("corpus", "clean", made, "--thresholds", "published", "--filter", "gopher_quality")
    assert assay(*words, "--json").json["out"]["documents"] < len(keys)  # made-up words have no stop words
    corpus = next(path.name for path in (made / "corpora").glob("*"))
    facts = assay("corpus", "remove", made, "bad.org", "--json").json
    became = facts["corpora"][corpus]["became"]
    assert sum(domain.train.documents for domain in open_corpus(made / "corpora" / became).domains.values()) > 0
    assert assay("train", made, "--json").json["status"] == "finished"


def test_a_text_is_removed_by_the_beginning_of_its_hash_also_where_a_step_had_removed_it(made: Path) -> None:
    text = texts(1, 50)[3]
    digest = hashlib.sha256(text.encode()).hexdigest()
    facts = assay("corpus", "remove", made, digest[:12], "--json").json
    assert facts["documents"] == 2  # the copy that deduplication had removed
    assert not holding(made, text)


@pytest.mark.slow
def test_a_corpus_with_runs_is_withdrawn_and_another_made(made: Path) -> None:
    assert assay("train", made).code == 0
    corpus = next(path.name for path in (made / "corpora").glob("*"))
    bad = texts(1, 50)[::5]
    done = assay("corpus", "remove", made, "bad.org")
    assert done.code == 0, done.err
    assert "1 run of it learned from it" in done.out
    assert not any(holding(made, text) for text in bad)
    for words in (("train", made, "--seed", "1"), ("run", made, "--budget", "1runs")):
        refused = assay(*words)
        assert refused.code == 2
        assert "removed on request" in refused.err
        assert "assay init NEW --corpus-from" in refused.err
    assert assay("status", made).code == 0
    assert assay("report", made).code == 0
    (new,) = {path.name for path in (made / "corpora").glob("*")} - {corpus}
    assert open_corpus(made / "corpora" / new).id == new


def test_a_lab_without_editions_is_told_to_begin_anew(lab: Path) -> None:
    shutil.rmtree(lab / "text")
    corpus = next((lab / "corpora").glob("*"))
    row = pq.read_table(corpus / "documents.parquet", columns=["hash"]).to_pylist()[0]
    done = assay("corpus", "remove", lab, row["hash"])
    assert done.code == 0, done.err
    assert "make a new lab with `assay init`" in done.out
    assert not (corpus / "spans.jsonl").exists()
    assert assay("train", lab).code == 2


def test_what_is_not_there_is_said_with_what_is(made: Path) -> None:
    done = assay("corpus", "remove", made, "worse.org")
    assert done.code == 2
    assert "no document has the source or hash worse.org; sources are: bad.org, good.org" in done.err
    assert assay("corpus", "remove", made).code == 2
