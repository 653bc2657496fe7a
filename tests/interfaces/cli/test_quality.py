"""`assay quality`: from labels given at the terminal to a classifier and its page."""

import hashlib
import io
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest

from assay.corpus.quality.reading import sample_text
from assay.interfaces.cli import quality, quality_label
from assay.spec.errors import UserError
from assay.spec.lab import LabConfig


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """Sixty documents of two domains, every other one good."""
    path = tmp_path / "text.jsonl"
    lines = []
    for i in range(60):
        good = f"Lemma {i}. The proof follows from the theorem, since every bounded sequence converges {i}."
        bad = f"CLICK here {i} to buy cheap pills \x1b[31m!!! best casino bonus {i}"
        lines.append({"text": good if i % 2 else bad, "id": f"d{i}", "domain": ("web", "books")[i % 4 // 2]})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def labelled(
    text: Path, into: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], said: str, name: str
) -> str:
    """Grade by standard input; what was printed."""
    monkeypatch.setattr("sys.stdin", io.StringIO(said))
    quality_label.label([text], into=into, per_domain=30, author=name)
    return capsys.readouterr().out


def graded(into: Path) -> list[int]:
    return [json.loads(line)["grade"] for line in into.read_text().splitlines()]


def test_grading_at_the_terminal(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    into = tmp_path / "me.jsonl"
    out = labelled(text, into, monkeypatch, capsys, "4\n7\nx\n1\nu\n2\ns\n?\n0\nq\n5\n", "ann")
    assert graded(into) == [4, 2, 0]
    assert "3 new labels by human:ann" in out
    assert out.count("Nothing to learn from") == 2  # the rubric, at the start and when asked for
    assert "\x1b" not in out  # a document cannot steer the terminal
    labelled(text, into, monkeypatch, capsys, "5\n", "ann")  # the end of the input stops it too
    assert graded(into) == [4, 2, 0, 5]
    ids = [json.loads(line)["id"] for line in into.read_text().splitlines()]
    assert len(set(ids)) == 4


def test_from_labels_to_a_page(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other, folder = tmp_path / "ann.jsonl", tmp_path / "bob.jsonl", tmp_path / "quality"
    labelled(text, one, monkeypatch, capsys, "0\n" * 60, "ann")
    records = [json.loads(line) for line in one.read_text().splitlines()]
    assert len(records) == 60
    for path, author, best in ((one, "human:ann", 5), (other, "human:bob", 4)):
        lines = [{**r, "author": author, "grade": best if "Lemma" in r["text"] else 1} for r in records]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    quality.agree(one, other, json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["n"], found["exact"], found["near"]) == (60, 0.5, 1.0)
    assert found["kappa"] == pytest.approx(1 - 0.5 / 6.5)
    assert found["lo"] <= found["kappa"] <= found["hi"]

    quality.train(into=folder, labels=[one, other], json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["grades"] == {"1": 30, "5": 30}
    assert told["in_order"] > 0.95
    quality.train(into=folder, labels=[one, other], overwrite=True)
    assert "calibration error" in capsys.readouterr().out

    quality.report(folder, [text], html=tmp_path / "page.html", svg=tmp_path / "picture.svg", json=True)
    facts = json.loads(capsys.readouterr().out)
    assert facts["classifier"] == told["hash"]
    assert facts["seen"] == {"books": 30, "web": 30}
    assert {"lemma", "theorem", "the"} & {gram["text"] for gram in facts["preferred"]}
    assert {"casino", "click", "!!!"} & {gram["text"] for gram in facts["avoided"]}
    quality.report(folder, [text])
    assert "raises scores" in capsys.readouterr().out
    page = (tmp_path / "page.html").read_text()
    assert "casino" in page
    assert not re.search(r"<script|https?://(?!www\.w3\.org)", page)
    ElementTree.fromstring((tmp_path / "picture.svg").read_text())


def test_trusted_text_needs_no_labels(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = [json.loads(line) for line in text.read_text().splitlines()]
    for name, wanted in (("good", True), ("rest", False)):
        chosen = [record for record in records if ("Lemma" in record["text"]) is wanted]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in chosen))
    quality.train(into=tmp_path / "quality", good=[tmp_path / "good.jsonl"], rest=[tmp_path / "rest.jsonl"], json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["kind"], told["labels"], told["grades"]) == ("good against rest", 60, {"0": 30, "1": 30})


def test_text_on_both_sides_is_good_text(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line for line in text.read_text().splitlines(keepends=True) if "Lemma" in line]
    (tmp_path / "good.jsonl").write_text("".join(lines))
    quality.train(into=tmp_path / "quality", good=[tmp_path / "good.jsonl"], rest=[text], json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["in_both"], told["labels"], told["grades"]) == (30, 60, {"0": 30, "1": 30})
    with pytest.raises(UserError, match="every document of --rest is in --good too"):
        quality.train(into=tmp_path / "other", good=[text], rest=[tmp_path / "good.jsonl"])
    assert not (tmp_path / "other").exists()


def test_a_file_of_labels_against_itself(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, copy = tmp_path / "me.jsonl", tmp_path / "copy.jsonl"
    labelled(text, one, monkeypatch, capsys, "4\n2\n0\n", "ann")
    copy.write_bytes(one.read_bytes())
    for other in (one, copy):
        quality.agree(one, other)
        out = capsys.readouterr().out
        assert "note: both files hold the same labels" in out
        assert "weighted kappa 1.000, 95% interval [-1.000, 1.000]" in out  # of three grades nothing is known
        quality.agree(one, other, json=True)
        assert "both files" in json.loads(capsys.readouterr().out)["note"]


def test_what_does_not_go_together(text: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--rest"):
        quality.train(into=tmp_path / "q", good=[text])
    for options in ({}, {"labels": [text], "good": [text]}):
        with pytest.raises(UserError, match="give either --labels"):
            quality.train(into=tmp_path / "q", **options)
    with pytest.raises(UserError, match="no such file of labels"):
        quality.train(into=tmp_path / "q", labels=[tmp_path / "none.jsonl"])
    with pytest.raises(UserError, match="not a label"):
        quality.train(into=tmp_path / "q", labels=[text])


def test_nobody_is_shown_what_a_lab_is_judged_by(lab: Path) -> None:
    """What is drawn is exactly what its corpus is trained on; held-out and sealed text is left out."""
    config = LabConfig.from_toml(lab / "lab.toml")
    rows = pq.read_table(lab / "corpora" / config.corpus.id / "documents.parquet").to_pylist()
    trained = {row["hash"] for row in rows if row["split"] == "train"}
    assert trained < {row["hash"] for row in rows}
    drawn = sample_text([lab], 10_000).documents
    assert {hashlib.sha256(each.text.encode()).hexdigest() for each in drawn} == trained
