"""`assay corpus decontaminate` on bare files: what is counted, written and told."""

import json
import random
from pathlib import Path

import pytest
import zstandard

from .helpers import assay, edit

QUESTION = "Which of these four animals lays eggs and yet feeds its young with milk at home?"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [{"query": f"Question: {QUESTION}", "choices": ["The platypus", "The horse"], "gold": 0},
            {"query": "Question: Why?", "choices": ["So", "Because"], "gold": 1}]  # fmt: skip
    (tmp_path / "quiz.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    filler = "All was still in the valley that night, and nobody thought of animals. " * 5
    leaked = f"{filler}\nwhich of THESE four animals lays eggs, and yet feeds its young with milk (at home)\n{filler}"
    texts = [filler, leaked, "Why? Because."]
    lines = [json.dumps({"id": f"d{i}", "text": text, "meta": i}) + "\n" for i, text in enumerate(texts)]
    (tmp_path / "in.jsonl").write_text("".join(lines))
    return tmp_path


def test_a_leaked_question_is_removed_and_told(folder: Path) -> None:
    done = assay("corpus", "decontaminate", "in.jsonl", "out", "--on", "quiz.jsonl", "--json", cwd=folder)
    assert done.code == 0, done.err
    facts = done.json
    assert (facts["in"]["documents"], facts["out"]["documents"]) == (3, 2)
    assert facts["removed"]["quiz"]["documents"] == 1
    quiz = facts["report"]["evaluations"]["quiz"]
    assert quiz | {"bytes": 0} == {"items": 2, "too_short": 1, "items_found": 1, "documents": 1, "bytes": 0,
                                   "domains": {"in": 1}}  # fmt: skip
    assert [entry["text"] for entry in facts["report"]["review"]] == [QUESTION.removesuffix("?")]
    removed = json.loads(zstandard.decompress((folder / "out" / "removed" / "in.jsonl.zst").read_bytes(), 1 << 20))
    assert (removed["id"], removed["removed_by"]) == ("d1", "quiz")
    assert "which of THESE four animals" in removed["detail"]
    kept = zstandard.ZstdDecompressor().stream_reader((folder / "out" / "kept" / "in.jsonl.zst").read_bytes()).read()
    lines = (folder / "in.jsonl").read_bytes().splitlines(keepends=True)
    assert kept == lines[0] + lines[2]


def test_spans_are_cut_out(folder: Path) -> None:
    assay("corpus", "decontaminate", "in.jsonl", "out.jsonl", "--on", "quiz.jsonl", "--remove", "span", cwd=folder)
    rows = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    assert len(rows) == 3
    assert rows[1]["text"] == rows[0]["text"] + "\n" + rows[0]["text"]
    assert rows[1]["meta"] == 1


@pytest.mark.parametrize(("words", "said"), [
    (["in.jsonl", "out.jsonl"], "no evaluation named; give its files with --on"),
    (["in.jsonl", "out.jsonl", "--on", "gone.jsonl"], "gone.jsonl: no such file"),
    (["in.jsonl", "out.jsonl", "--on", "in.jsonl", "in.jsonl"], "another evaluation is called 'in' too"),
    (["a", "b", "c", "--on", "quiz.jsonl"], "too much given"),
    (["in.jsonl", "out.jsonl", "--on", "quiz.jsonl", "--ngram", "1"], "expected 3 to 255 words"),
    (["in.jsonl", "out.jsonl", "--on", "quiz.jsonl", "--common", "0"], "expected at least 1 document"),
])  # fmt: skip
def test_bad_input_gets_one_sentence(folder: Path, words: list[str], said: str) -> None:
    done = assay("corpus", "decontaminate", *words, cwd=folder)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert not (folder / "out.jsonl").exists()


def test_a_labs_text_is_compared_with_all_that_it_evaluates_on(folder: Path, material: Path) -> None:
    """Files, held-out spans and the sealed documents; nothing of these last is told. What is held out itself stays."""
    tmp_path, draw = folder, random.Random(5)
    vocabulary = [f"{a}{b}{c}" for a in "bdkmrst" for b in "aeiou" for c in ("", "n", "lk", "st")]
    texts = [" ".join(draw.choices(vocabulary, k=400)) + "." for _ in range(80)]
    lines = [json.dumps({"id": f"d{i}", "text": text}) + "\n" for i, text in enumerate(texts)]
    source = tmp_path / "books.jsonl"
    source.write_text("".join(lines))
    lab = tmp_path / "lab"
    done = assay(
        "init", lab, "--corpus", f"books={source}", "--ladder", material / "ladder.toml", "--recipe",
        material / "start.toml",
    )  # fmt: skip
    assert done.code == 0, done.err
    corpus = next((lab / "corpora").glob("*"))
    sealed = json.loads((lab / "vault" / corpus.name / "part-0.jsonl").read_text().splitlines()[0])["text"]
    heldout = json.loads((corpus / "spans.jsonl").read_text().splitlines()[0])["text"]
    planted = {
        "quiz": QUESTION.upper(), "heldout": " ".join(heldout.split()[5:25]), "sealed": " ".join(sealed.split()[5:25])
    }  # fmt: skip
    more = tmp_path / "more.jsonl"
    filler = " ".join(draw.choices(vocabulary, k=80))
    more.write_text("".join(json.dumps({"id": name, "text": f"{filler}. {text}."}) + "\n"
                            for name, text in planted.items()))  # fmt: skip
    assert assay("corpus", "add", lab, f"web={more}").code == 0
    edit(lab / "lab.toml", lambda data: data.update(evaluations=["../quiz.jsonl"]))
    done = assay("corpus", "decontaminate", lab, "--json")
    assert done.code == 0, done.err
    facts = done.json
    assert {name: amount["documents"] for name, amount in facts["removed"].items()} == {
        "quiz": 1, "held-out": 1, "sealed": 1,
    }  # fmt: skip
    assert facts["out"]["documents"] == 80
    assert "not_compared" in facts
    told = done.out.lower() + assay("corpus", "decontaminate", lab).out.lower()
    words = planted["sealed"].split()
    assert not [i for i in range(len(words) - 2) if " ".join(words[i : i + 3]) in told]
    index = next((lab / "text").glob("sealed-*.ngrams")).read_bytes()
    assert planted["sealed"].encode() not in index
    # The same documents are held out of what remains, so that the lab's corpus is found present.
    assert assay("corpus", "tokenize", lab, "--json").json["corpus"] == corpus.name
    assert not assay("corpus", "tokenize", lab, "--json").json["held_out_anew"]
    # Of a domain that is new nothing was held out when text was compared with what is.
    news = tmp_path / "news.jsonl"
    news.write_text("".join(json.dumps({"id": f"n{i}", "text": " ".join(draw.choices(vocabulary, k=400))}) + "\n"
                            for i in range(40)))  # fmt: skip
    assert assay("corpus", "add", lab, f"news={news}").code == 0
    said = []
    for _ in range(2):
        assert assay("corpus", "decontaminate", lab).code == 0
        said.append(assay("corpus", "tokenize", lab).out)
    assert "of news): run `assay corpus decontaminate`" in said[0]
    assert "held out that" not in said[1]
