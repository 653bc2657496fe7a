"""Steps from a person's own files to files, by the real commands: what is said, what is refused, what is left."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from .helpers import assay
from .test_corpus_add import web

QUIZ = {"query": "What did the old river carry under the green bridge that night?", "choices": ["a", "b"], "gold": 0}
STEPS = {"clean": ["--thresholds", "published"], "dedup": [], "decontaminate": ["--on", "quiz.jsonl"]}


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with text, a quiz that some of it holds, and text that breaks off."""
    good = web(tmp_path / "web.jsonl", 60).read_text()
    question = {"id": "q", "domain": "quizzes", "text": f"{QUIZ['query']} {json.loads(good.splitlines()[0])['text']}"}
    (tmp_path / "web.jsonl").write_text(good + json.dumps(question) + "\n")
    (tmp_path / "quiz.jsonl").write_text(json.dumps(QUIZ) + "\n")
    (tmp_path / "broken.jsonl").write_text(good + '{"text": "cut')
    return tmp_path


def _texts(path: Path) -> list[str]:
    return [json.loads(line)["text"] for line in path.read_text().splitlines()]


def _amount(texts: list[str]) -> dict[str, int]:
    return {"documents": len(texts), "bytes": sum(len(text.encode()) for text in texts)}


@pytest.mark.parametrize("step", STEPS)
def test_json_counts_documents_and_bytes_by_rule(here: Path, step: str) -> None:
    words = ["corpus", step, "web.jsonl", "out.jsonl", *STEPS[step], "--json"]
    done = assay(*words, cwd=here)
    assert (done.code, done.err) == (0, "")
    said: dict[str, Any] = done.json
    assert said["in"] == _amount(_texts(here / "web.jsonl"))
    assert said["out"] == _amount(_texts(here / "out.jsonl"))
    gone = {key: sum(each[key] for each in said["removed"].values()) for key in ("documents", "bytes")}
    taken = sum(each["bytes"] for each in said["changed"].values())
    assert gone["documents"] > 0
    assert said["in"]["documents"] - gone["documents"] == said["out"]["documents"]
    assert said["in"]["bytes"] - gone["bytes"] - taken == said["out"]["bytes"]
    assert set(said["domains"]) == {"web", "quizzes"}


@pytest.mark.parametrize("target", ["out.jsonl", "out"])
@pytest.mark.parametrize("step", STEPS)
def test_a_failure_is_one_sentence_and_leaves_nothing(here: Path, step: str, target: str) -> None:
    before = sorted(path.name for path in here.iterdir())
    for source, expected in (
        ("broken.jsonl", "broken.jsonl, line 61: broken JSON"),
        ("nowhere.jsonl", "nowhere.jsonl: no such file or folder"),
        ("/dev/null", "/dev/null: neither a file nor a folder"),
    ):
        done = assay("corpus", step, source, target, *STEPS[step], "--json", cwd=here)
        assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
        assert expected in done.err
        assert sorted(path.name for path in here.iterdir()) == before
    done = assay("corpus", step, "broken.jsonl", target, *STEPS[step], "--skip-bad", cwd=here)
    assert done.code == 0, done.err
    assert "passed over, broken JSON: 1" in done.out


@pytest.mark.parametrize("target", ["out.jsonl", "out/"])
@pytest.mark.parametrize("step", STEPS)
def test_what_is_there_is_kept_unless_it_may_be_overwritten(here: Path, step: str, target: str) -> None:
    words = ["corpus", step, "web.jsonl", target, *STEPS[step], "--json"]
    first = assay(*words, cwd=here)
    again = assay(*words, cwd=here)
    assert (again.code, again.out) == (2, "")
    assert again.err == "assay: out exists; ".replace("out", target.strip("/")) + (
        "choose another name for what comes out, or replace it with --overwrite\n"
    )
    replaced = assay(*words, "--overwrite", cwd=here)
    assert replaced.json["out"] == first.json["out"]
    itself = assay("corpus", step, "web.jsonl", "web.jsonl", *STEPS[step], "--overwrite", cwd=here)
    assert (itself.code, "this is the input too" in itself.err) == (2, True)


def test_a_name_of_two_lines_is_told_in_one(here: Path) -> None:
    (here / "two\nlines.jsonl").write_text("{broken\n")
    done = assay("corpus", "dedup", "two\nlines.jsonl", "out.jsonl", "--json", cwd=here)
    assert done.err.startswith("assay: two\\nlines.jsonl, line 1: broken JSON")
    assert len(done.err.splitlines()) == 1


def test_thresholds_of_domains_that_there_are_not(here: Path, lab: Path) -> None:
    for words, there in ((["web.jsonl", "out.jsonl"], "quizzes, web"), ([lab], "prose, verse")):
        for options in (
            ["--threshold", "webb:gopher_quality.few_words=3", "--filter", "gopher_quality"],
            ["--threshold", "webb:c4.curly_bracket=off"],
        ):
            done = assay("corpus", "clean", *words, *options, "--json", cwd=here)
            assert (done.code, done.out) == (2, "")
            assert f"no document is of a domain 'webb'; there are: {there}" in done.err
    assert not (here / "out.jsonl").exists()
    words = ["--threshold", "quizzes:gopher_quality.few_words=100000", "--filter", "gopher_quality"]
    done = assay("corpus", "clean", "web.jsonl", "out.jsonl", *words, "--json", cwd=here)
    assert done.json["domains"]["quizzes"]["out"]["documents"] == 0


def test_no_limit_is_the_published_thresholds(here: Path) -> None:
    texts = [" ".join(["the words of", *(f"w{i}{j}" for j in range(60))]) for i in range(40)]
    lines = [json.dumps({"text": text}) + "\n" for text in (*texts, *("short " * i for i in range(1, 11)))]
    (here / "in.jsonl").write_text("".join(lines))
    written = {}
    for name, words in {
        "limit": ["--limit", "1"], "published": ["--thresholds", "published"], "learned": ["--limit", "0.05"],
    }.items():  # fmt: skip
        words += ["--filter", "gopher_quality", "--json"]
        assert assay("corpus", "clean", "in.jsonl", f"{name}.jsonl", *words, cwd=here).code == 0
        written[name] = (here / f"{name}.jsonl").read_text()
    assert written["limit"] == written["published"] != written["learned"]
    for limit in ("0", "-0.1", "1.01", "nan"):
        done = assay("corpus", "clean", "in.jsonl", "none.jsonl", "--limit", limit, cwd=here)
        assert (done.code, done.out) == (2, "")
        assert f"--limit {limit}: give a share above 0, such as 0.05 for 5%, and at most 1, for" in done.err


def test_little_text_is_counted_in_bytes(here: Path) -> None:
    (here / "little.jsonl").write_text('{"text": "grün"}\n')
    assert "1 document (5 B) in, 1 (5 B) out" in assay("corpus", "dedup", "little.jsonl", "a.jsonl", cwd=here).out


def test_adding_again_is_nothing_to_do(here: Path, lab: Path) -> None:
    first = assay("corpus", "add", lab, f"web={here / 'web.jsonl'}", "--json").json
    again = assay("corpus", "add", lab, f"web={here / 'web.jsonl'}", "--json")
    assert again.code == 0
    nothing = {"documents": 0, "bytes": 0}
    assert (again.json["in"], again.json["out"], again.json["edition"]) == (nothing, nothing, first["edition"])
    assert (again.json["new"], again.json["lab_holds"]) == (nothing, first["lab_holds"])
    said = assay("corpus", "add", f"web={here / 'web.jsonl'}", cwd=lab)
    assert (said.code, said.out.startswith("Nothing to do")) == (0, True)
    assert first["edition"] in said.out


def test_what_is_new_and_what_the_lab_holds_are_told_apart(here: Path, lab: Path) -> None:
    def held() -> dict[str, int]:
        name = (lab / "text" / "newest").read_text().strip()
        tables = [pq.read_table(path) for path in (lab / "text" / name / "kept").iterdir()]
        texts = [text for table in tables for text in table["text"].to_pylist()]
        return {"documents": len(texts), "bytes": sum(len(text.encode()) for text in texts)}

    before = held()
    (here / "more.jsonl").write_text('{"text": "grün und blau"}\n{"text": "two"}\n')
    facts = assay("corpus", "add", lab, f"more={here / 'more.jsonl'}", "--json").json
    assert facts["new"] == facts["in"] == facts["out"] == {"documents": 2, "bytes": 17}
    assert facts["lab_holds"] == held() == {"documents": before["documents"] + 2, "bytes": before["bytes"] + 17}
    (here / "last.jsonl").write_text('{"text": "three"}\n')
    said = assay("corpus", "add", lab, f"last={here / 'last.jsonl'}").out
    assert f"New: 1 document (5 B). The lab now holds {before['documents'] + 3} (" in said


def test_init_names_what_it_leaves_out(here: Path, material: Path) -> None:
    shutil.copytree(material / "prose", here / "prose")
    (here / "prose" / "paper.pdf").write_bytes(b"%PDF-1.4")
    words = ["--corpus", "prose=prose", "--ladder", material / "ladder.toml", "--recipe", material / "start.toml"]
    assert "passed over, .pdf: 1 file (paper.pdf)" in assay("init", "one", *words, cwd=here).out
    assert assay("init", "two", *words, "--json", cwd=here).json["other_files"] == {
        ".pdf": {"files": 1, "names": ["paper.pdf"]}
    }
    # What a lab began with is known, one domain of several too.
    assert assay("corpus", "add", "one", "prose=prose", "--json", cwd=here).json["in"]["documents"] == 0
