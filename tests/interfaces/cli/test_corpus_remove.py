"""`assay corpus remove`: documents leave every edition and corpus, and what depends on them is made anew."""

import gzip
import hashlib
import html
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import zstandard

from assay.campaign import removal
from assay.campaign.lab import Lab
from assay.corpus.editions.edition import lineage, newest_edition
from assay.corpus.manifest import WITHDRAWN, open_corpus
from assay.corpus.quality.labels import Label

from .helpers import assay

VOCABULARY = [f"{a}{b}{c}" for a in "bdkmrst" for b in "aeiou" for c in ("", "n", "lk", "st")]


def texts(seed: int, count: int) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(VOCABULARY, k=300)) + "." for _ in range(count)]


BAD, GOOD = texts(1, 50)[::5], texts(1, 50)[1]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, material: Path) -> Path:
    """A lab whose corpus was made of an edition: 50 documents of two sources, one of them twice, all deduplicated."""
    found = texts(1, 50)
    rows = [{"id": f"d{i}", "text": text, "source": "good.org" if i % 5 else "bad.org"} for i, text in enumerate(found)]
    rows.append({"id": "copy", "text": found[3], "source": "good.org"})
    lab = tmp_path_factory.mktemp("removal") / "lab"
    path = lab.with_name("web.jsonl")
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for words in (
        ("init", lab, "--corpus", f"web={path}", "--ladder", material / "ladder.toml", "--recipe",
         material / "start.toml"),
        ("corpus", "dedup", lab, "--method", "exact"),
        ("corpus", "tokenize", lab),
    ):  # fmt: skip
        done = assay(*words)
        assert done.code == 0, done.err
    return lab


@pytest.fixture
def made(base: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(base, tmp_path / "lab"))


def holding(folder: Path, text: str) -> list[str]:
    """Files in which a document can be read: as it is, packed, as Parquet, in a page, as tokens of bytes."""
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes()
        if path.suffix == ".parquet":
            content = json.dumps(pq.read_table(path).to_pydict(), default=str).encode()
        elif path.suffix == ".zst":
            content = zstandard.ZstdDecompressor().stream_reader(content).read()
        elif path.suffix == ".gz":
            content = gzip.decompress(content)
        elif path.suffix == ".html":
            content = html.unescape(content.decode()).encode()
        plain = text.encode()
        if plain in content or b"".join(bytes((byte, 0)) for byte in plain) in content:
            found.append(str(path.relative_to(folder)))
    return found


def remains(lab: Path) -> list[str]:
    """Where a few words of a removed document can still be read."""
    phrases = [" ".join(text.split()[at : at + 6]) for text in BAD for at in (0, 100, 290)]
    return sorted({name for phrase in phrases for name in holding(lab, phrase)})


def test_a_source_leaves_everything_and_what_depends_on_it_is_made_anew(made: Path) -> None:
    before = newest_edition(made)
    corpus = next(path.name for path in (made / "corpora").glob("*"))
    assert remains(made)
    facts = assay("corpus", "remove", made, "bad.org", "--json").json
    assert facts["documents"] == 10
    assert not remains(made)
    assert holding(made, GOOD)
    # Every edition of the line is another one, in the same order, and says what it holds.
    after = newest_edition(made)
    assert [e.manifest.step for e in lineage(after)] == ["dedup", "add"]
    assert set(facts["editions"]) & {e.id for e in lineage(after)} == set()
    assert before.manifest.documents - after.manifest.documents == 10
    for edition in lineage(after):
        tables = [pq.read_table(edition.shard(shard.name)) for shard in edition.manifest.shards]
        assert sum(len(table) for table in tables) == edition.manifest.documents
        assert edition.account().out.documents == edition.manifest.documents
    # The lab trains on a corpus that a build of the remaining text gives too.
    new = facts["corpora"][corpus]["became"]
    assert not (made / "corpora" / corpus).exists()
    assert assay("corpus", "tokenize", made, "--json").json["corpus"] == new
    assert assay("train", made, "--json").json["status"] == "finished"


def test_what_quotes_it_goes_too(made: Path) -> None:
    bad, good = BAD[1], GOOD
    labels = [Label(id=name, domain="web", text=text, grade=3, author="human:ada") for name, text in
              (("d5", bad), ("d1", good))]  # fmt: skip
    (made / "labels.jsonl").write_text("".join(label.model_dump_json() + "\n" for label in labels))
    with (made / "labels.jsonl").open("a") as file:
        file.write('{"id": "d5", "text": "' + bad[:150])  # whoever wrote it was killed
    prompts = [f"The document:\n~~~\n{text}\n~~~\nGrade it." for text in (bad, good)]
    asked = [{"request": {"content": prompt}, "cost_usd": 0.5} for prompt in prompts]
    (made / "labels.jsonl.claude").write_text("".join(json.dumps(each) + "\n" for each in asked))
    (made / "quality.html").write_text(f"<p>worst</p><p>{html.escape(bad[:200])}…</p>")
    (made / "other.html").write_text(f"<p>best</p><p>{html.escape(good[:200])}…</p>")
    (made / "notes.md").write_text(f"# Notes\n\n{bad[:80]}\n")
    half_done = [made / place / name for place, name in
                 (("text", ".add-0"), ("text", ".tmp-0"), ("vault", ".tmp-0"), ("corpora", ".tokens-0"))]  # fmt: skip
    half_done += [path / "views" / ".tmp-0" for path in (made / "corpora").glob("*")]
    for folder in half_done:
        folder.mkdir(parents=True)
        (folder / "part").write_text(bad)
    lab = Lab(made)
    recipe = lab.config.start
    view = lab.text_dir(recipe.model_copy(update={"data": recipe.data.model_copy(update={"dedup": "normalised"})}))
    lab.close()
    assert view.parent.name == "views"
    assert holding(view, GOOD)
    assert assay("corpus", "report", made).code == 0
    done = assay("corpus", "remove", made, "bad.org", "--reason", "asked for by the author")
    assert done.code == 0, done.err
    assert remains(made) == ["notes.md"]
    assert "notes.md still quotes them" in done.out
    assert bad[:150] not in (made / "labels.jsonl").read_text()
    assert [json.loads(line)["id"] for line in (made / "labels.jsonl").read_text().splitlines()] == ["d1"]
    exchanges = [json.loads(line) for line in (made / "labels.jsonl.claude").read_text().splitlines()]
    assert [each["cost_usd"] for each in exchanges] == [0.5, 0.5]
    assert exchanges[1] == asked[1]
    assert sorted(path.name for path in made.glob("*.html")) == ["other.html"]
    # What remains is told without the text, in the story of the document and on the page about the corpus.
    (story,) = assay("corpus", "show", made, "d5", "--json").json
    assert (story["source"], story["hash"]) == ("bad.org", hashlib.sha256(bad.encode()).hexdigest())
    assert [(each["step"], each["fate"]) for each in story["history"]] == [
        ("add", "added"), ("dedup", "kept"), ("remove", "removed"),
    ]  # fmt: skip
    assert story["history"][-1]["rules"] == ["removed on request"]
    assert "asked for by the author" in story["history"][-1]["detail"]
    assert not any(each["text"] for each in story["history"])
    assert assay("corpus", "report", made).code == 0
    page = (made / "corpus.html").read_text()
    assert "removed on request" in page
    assert "51 documents" in page  # went in, as before


@pytest.mark.parametrize("place", [
    "rewrite", "build_from",
    *(pytest.param(place, marks=pytest.mark.slow) for place in ("clear_files", "affected", "adopt", "Record.finish")),
])  # fmt: skip
def test_killed_on_the_way_the_same_command_does_the_rest(made: Path, tmp_path: Path, place: str) -> None:
    whole = Path(shutil.copytree(made, tmp_path / "whole"))
    assert assay("corpus", "remove", whole, "bad.org").code == 0
    child = os.fork()
    if not child:
        _die_at(place)
        assay("corpus", "remove", made, "bad.org")
        os._exit(0)
    assert os.waitpid(child, 0)[1] >> 8 == 9
    if place != "rewrite":
        refused = assay("corpus", "remove", made, hashlib.sha256(GOOD.encode()).hexdigest())
        assert refused.code == 2
        assert f"first run `assay corpus remove {made} bad.org` again" in refused.err
    done = assay("corpus", "remove", made, "bad.org")
    assert done.code == 0, done.err
    assert not remains(made)
    for pattern in ("text/*/edition.json", "corpora/*/manifest.json", "vault/*/documents.jsonl"):
        assert {(path.parent.name, path.read_bytes()) for path in made.glob(pattern)} == {
            (path.parent.name, path.read_bytes()) for path in whole.glob(pattern)
        }
    stories = [assay("corpus", "show", lab, "d5", "--json").json for lab in (made, whole)]
    assert stories[0] == stories[1]


def _die_at(place: str) -> None:
    """Have this process end when it comes to a function."""
    owner, _, name = place.rpartition(".")
    target = getattr(removal, owner) if owner else removal
    calls = [0 if place == "affected" else 1]  # the second time: what was found is written down by then
    real: Callable[..., object] = getattr(target, name)

    def die(*arguments: object, **named: object) -> object:
        if not calls[0]:
            calls[0] = 1
            return real(*arguments, **named)
        os._exit(9)

    setattr(target, name, die)


def test_a_corpus_older_than_the_newest_text_is_made_anew_from_the_text_that_it_was_made_of(made: Path) -> None:
    keys = [f"d{i}" for i in range(1, 50) if i % 5]
    words = ("corpus", "clean", made, "--thresholds", "published", "--filter", "gopher_quality")
    assert assay(*words, "--json").json["out"]["documents"] < len(keys)  # made-up words have no stop words
    corpus = next(path.name for path in (made / "corpora").glob("*"))
    facts = assay("corpus", "remove", made, "bad.org", "--json").json
    became = facts["corpora"][corpus]["became"]
    newest = newest_edition(made)
    assert newest.manifest.step == "clean"
    entry = [entry.body for entry in Lab(made).store.ledger() if entry.kind == "corpus"][-1]
    assert (entry["corpus"], entry["edition"]) == (became, newest.manifest.parent)
    assert sum(domain.train.documents for domain in open_corpus(made / "corpora" / became).domains.values()) > 0
    assert assay("train", made, "--json").json["status"] == "finished"


def test_a_corpus_made_anew_gets_none_of_the_text_that_was_added_since(made: Path) -> None:
    path = made.with_name("later.jsonl")
    path.write_text("".join(json.dumps({"id": f"l{i}", "text": text}) + "\n" for i, text in enumerate(texts(3, 20))))
    assert assay("corpus", "add", made, f"later={path}").code == 0
    assert assay("corpus", "remove", made, "bad.org").code == 0
    rows = pq.read_table(made / "corpora" / Lab(made).config.corpus.id / "documents.parquet").to_pylist()
    assert {row["domain"] for row in rows} == {"web"}
    assert {row["source"] for row in rows} == {"good.org"}


def test_words_that_no_document_has_are_named(made: Path) -> None:
    facts = assay("corpus", "remove", made, "bad.org", "nowhere.org", "0123456789abcdef", "--json").json
    assert facts["documents"] == 10
    assert facts["not_found"] == ["nowhere.org", "0123456789abcdef"]
    kept = hashlib.sha256(GOOD.encode()).hexdigest()[:16]
    done = assay("corpus", "remove", made, kept, "bad.org")
    assert "no document has the source or hash bad.org" in done.out


def test_a_lab_can_lose_all_of_its_text(made: Path) -> None:
    corpus = Lab(made).config.corpus.id
    facts = assay("corpus", "remove", made, "bad.org", "good.org", "--json").json
    assert facts["corpora"][corpus]["became"] == ""
    assert not [path for text in texts(1, 50) for path in holding(made, text)]
    done = assay("corpus", "tokenize", made)
    assert done.code == 2
    assert "there is no document to make a corpus of" in done.err


def test_a_text_is_removed_by_the_beginning_of_its_hash_also_where_a_step_had_removed_it(made: Path) -> None:
    text = texts(1, 50)[3]
    digest = hashlib.sha256(text.encode()).hexdigest()
    facts = assay("corpus", "remove", made, digest[:12], "--json").json
    assert facts["documents"] == 2  # the copy that deduplication had removed
    assert not holding(made, text)
    assert [len(assay("corpus", "show", made, word, "--json").json) for word in ("d3", "copy", digest[:9])] == [1, 1, 2]


def test_a_text_that_other_documents_have_too_stays_under_their_names(made: Path) -> None:
    text = texts(2, 1)[0]
    for name in ("first", "second"):
        path = made.with_name(f"{name}.jsonl")
        path.write_text(json.dumps({"id": f"page#{name}", "text": text, "source": f"{name}.org"}) + "\n")
        assert assay("corpus", "add", made, f"web={path}").code == 0
    assert assay("corpus", "tokenize", made).code == 0
    corpus = Lab(made).config.corpus.id
    facts = assay("corpus", "remove", made, "first.org", "--json").json
    assert facts["corpora"][corpus]["became"] == corpus
    rows = pq.read_table(made / "corpora" / corpus / "documents.parquet").to_pylist()
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert [(row["id"], row["source"]) for row in rows if row["hash"] == digest] == [("page#second", "second.org")]


@pytest.mark.slow
def test_a_corpus_with_runs_is_withdrawn_and_another_made(made: Path) -> None:
    assert assay("train", made).code == 0
    corpus = next(path.name for path in (made / "corpora").glob("*"))
    run = next(path for path in (made / "runs").glob("*") if (path / "run.json").is_file())
    done = assay("corpus", "remove", made, "bad.org")
    assert done.code == 0, done.err
    assert "1 run of it learned from it" in done.out
    assert not remains(made)
    for words in (("train", made, "--seed", "1"), ("run", made, "--budget", "1runs")):
        refused = assay(*words)
        assert refused.code == 2
        assert "removed on request" in refused.err
        assert "assay init NEW --corpus-from" in refused.err
    # What was learned and decided is still there to be looked at.
    for words in (("status", made), ("report", made), ("corpus", "report", made), ("corpus", "show", made, "d0"),
                  ("ledger", "verify", made), ("sample", made, run.name, "be"), ("corpus", "licences", made),
                  ("export", made, run.name, "--out", made.with_name("exported"))):  # fmt: skip
        done = assay(*words)
        assert done.code == 0, (words, done.err)
    (new,) = {path.name for path in (made / "corpora").glob("*")} - {corpus}
    assert open_corpus(made / "corpora" / new).id == new
    refused = assay("vault", "status", made)
    assert "removed on request" in refused.err
    # Another removal makes that one anew too.
    digest = hashlib.sha256(texts(1, 50)[2].encode()).hexdigest()
    facts = assay("corpus", "remove", made, digest, "--json").json
    assert facts["corpora"][new]["became"] not in ("", new)
    (newest,) = {path.name for path in (made / "corpora").glob("*")} - {corpus}
    assert newest == facts["corpora"][new]["became"]
    # Steps go on with what remains; held-out text is that of the corpus made of it.
    quiz = made.with_name("quiz.jsonl")
    quiz.write_text(json.dumps({"text": " ".join(GOOD.split()[40:80])}) + "\n")
    facts = assay("corpus", "decontaminate", made, "--on", quiz, "--json").json
    assert (facts["removed"]["quiz"]["documents"], facts["not_compared"]) == (1, [])
    assert facts["report"]["evaluations"]["held-out"]["items"] > 0
    assert assay("corpus", "tokenize", made, "--json").json["lab_trains_on_it"] is False
    described = assay("corpus", "export", made, "--json").json["file"]
    assert "bad.org" not in Path(described).read_text()
    assert '"d5"' not in Path(described).read_text()


def test_a_lab_without_editions_is_told_to_begin_anew(lab: Path) -> None:
    shutil.rmtree(lab / "text")
    corpus = next((lab / "corpora").glob("*"))
    row = pq.read_table(corpus / "documents.parquet", columns=["hash", "id"]).to_pylist()[0]
    done = assay("corpus", "remove", lab, row["hash"])
    assert done.code == 0, done.err
    assert "make a new lab with `assay init`" in done.out
    assert not (corpus / "spans.jsonl").exists()
    assert (corpus / WITHDRAWN).is_file()
    assert assay("train", lab).code == 2
    assert "on request" in assay("corpus", "show", lab, row["hash"][:10]).out


def test_what_is_not_there_is_said_with_what_is_before_anything_is_written(made: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*") if path.is_file() and path.suffix != ".lock"}
    done = assay("corpus", "remove", made, "worse.org")
    assert done.code == 2
    assert done.err.strip().endswith("no document has the source or hash worse.org; sources are: bad.org, good.org")
    assert done.err.count("\n") == 2, "one line of progress, one that says what is wrong"
    after = {path: path.stat().st_mtime_ns for path in made.rglob("*") if path.is_file() and path.suffix != ".lock"}
    changed = {path.name for path in after if before.get(path) != after[path]}
    assert changed <= {"lock", "lab.lock", "lab.db-wal", "lab.db-shm"}
    assert assay("corpus", "remove", made).code == 2
