"""`assay corpus dedup` on bare files: facts, files, and what it refuses."""

import json
from pathlib import Path

import pytest

from assay.corpus.deduplication.near import SIMILARITY

from .helpers import assay


def test_a_file_in_and_a_file_out(tmp_path: Path) -> None:
    text = " ".join(f"w{i}" for i in range(100))
    texts = [text, "another text", text, text.replace("w50", "x"), "another text"]
    lines = [json.dumps({"id": str(i), "text": text}) for i, text in enumerate(texts)]
    (tmp_path / "in.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    facts = assay("corpus", "dedup", tmp_path / "in.jsonl", tmp_path / "out.jsonl", "--json").json
    assert facts["in"]["documents"] == 5
    assert facts["out"] == {"documents": 2, "bytes": len(text) + len("another text")}
    assert {rule: amount["documents"] for rule, amount in facts["removed"].items()} == {"exact": 2, "minhash": 1}
    assert facts["report"]["minhash"]["s_curve"]["points"]["1.00"] == 1.0
    assert facts["report"]["minhash"]["clusters"] == 2
    assert facts["report"]["minhash"]["s_curve"]["similarity"] == SIMILARITY
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines() == lines[:2]
    shown = assay("corpus", "dedup", tmp_path / "in.jsonl", tmp_path / "lines", "--method", "lines").out
    assert "lines: 1 document removed" in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--similarity", "0"], "--similarity 0"),
        (["--bands", "200"], "--bands 200 --permutations 112"),
        (["--ngram", "0"], "--ngram 0"),
        (["--method", "substring", "--length", "1"], "--length 1"),
        (["--against", "nowhere.jsonl"], "--against nowhere.jsonl: no such file"),
        (["--workers", "1.5"], "for --workers: expected a whole number, not '1.5'"),
        (["--ngram", "2e1"], "for --ngram: expected a whole number"),
        (["third"], "too much given"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, options: list[str], message: str) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "some text"}\n')
    done = assay("corpus", "dedup", tmp_path / "in.jsonl", tmp_path / "out.jsonl", *options)
    assert done.code == 2
    assert message in done.err
    assert not (tmp_path / "out.jsonl").exists()


def test_skip_bad_holds_for_earlier_text_too(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "some text"}\n{"text": "other text"}\n')
    (tmp_path / "old.jsonl").write_text('{"text": "some text"}\n{"text":\n')
    words = ("corpus", "dedup", tmp_path / "in.jsonl", tmp_path / "out.jsonl", "--against", tmp_path / "old.jsonl")
    assert assay(*words).code == 2
    done = assay(*words, "--skip-bad")
    assert "passed over in earlier text, broken JSON: 1" in done.out
    assert (tmp_path / "out.jsonl").read_text() == '{"text": "other text"}\n'


def test_the_picture_shows_the_curve_and_what_was_found(tmp_path: Path) -> None:
    texts = [" ".join(f"w{i}-{j}" for j in range(80)) for i in range(8)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    done = assay(
        "corpus", "dedup", tmp_path / "in.jsonl", tmp_path / "out.jsonl", "--svg", tmp_path / "s.svg", "--json"
    )
    assert done.json["picture"] == str(tmp_path / "s.svg")
    drawn = (tmp_path / "s.svg").read_text(encoding="utf-8")
    assert "least similarity, 0.6" in drawn
    assert drawn.count("of words changed") == len(done.json["report"]["minhash"]["planted"]["edits"]) == 4
