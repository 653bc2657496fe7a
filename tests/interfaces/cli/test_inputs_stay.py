"""Nothing that a command reads is lost because its output was given the same name."""

import json
from pathlib import Path
from typing import Any

import pytest

from assay.corpus.quality.classifier import FACTS

from .helpers import assay

PAGE_AND_PICTURE = (("--html", "page.html", "no page"), ("--svg", "picture.svg", "no picture"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, word in (("good", "lemma"), ("rest", "casino")):
        rows = [{"text": f"{word} number {i} " + "and some more words " * (1 + i % 3)} for i in range(30)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def refused(*words: Any) -> str:
    done = assay(*words)
    assert done.code == 2, done.out
    assert "Traceback" not in done.err
    return done.err


def test_an_output_never_replaces_what_is_read(folder: Path) -> None:
    good, rest = folder / "good.jsonl", folder / "rest.jsonl"
    before = good.read_bytes(), rest.read_bytes()
    assert "is no page" in refused("corpus", "report", good, "--out", good)
    assert "is no tokenizer" in refused("tokenizer", "train", good, good, "--vocab", "300")
    assert "is no picture" in refused("corpus", "dedup", good, folder / "out.jsonl", "--svg", good)
    for words in (("dedup", rest, good, "--against", good), ("decontaminate", rest, good, "--on", good)):
        assert "this is read too" in refused("corpus", *words, "--overwrite")
    assert (good.read_bytes(), rest.read_bytes()) == before


def test_older_outputs_are_replaced(folder: Path) -> None:
    good = folder / "good.jsonl"
    for _ in range(2):
        words = (good, folder / "out.jsonl", "--overwrite", "--svg", folder / "curve.svg")
        assert assay("corpus", "dedup", *words).code == 0
        assert assay("tokenizer", "train", folder / "tokenizer.json", good, "--vocab", "300").code == 0


def test_a_classifier_is_replaced_on_request_only(folder: Path) -> None:
    good, rest, made = folder / "good.jsonl", folder / "rest.jsonl", folder / "made"
    train = ("quality", "train", "--good", good, "--rest", rest, "--into")
    assert assay(*train, made).code == 0
    for option, name, problem in PAGE_AND_PICTURE:
        assert problem in refused("quality", "report", made, good, option, good)
        for _ in range(2):
            assert assay("quality", "report", made, good, option, folder / name).code == 0
    facts = (made / FACTS).read_bytes()
    assert "--overwrite" in refused(*train, made)
    assert (made / FACTS).read_bytes() == facts
    assert assay(*train, made, "--overwrite").code == 0
    assert "good.jsonl" in refused(*train, folder)
    assert "is a file" in refused(*train, good)
    (folder / "several").mkdir()
    made.rename(folder / "several" / "one")
    assert assay(*train, folder / "several" / "two").code == 0
    assert assay(*train, folder / "several").code == 0  # beside those in folders of their own


@pytest.mark.parametrize("words", [
    ("quality", "train", "--good", "good.jsonl", "--rest", "rest.jsonl", "--into", "q", "--documents", "0"),
    ("quality", "label", "good.jsonl", "--into", "labels.jsonl", "--per-domain", "-2"),
    ("corpus", "report", "good.jsonl", "--seed", "-1"),
])  # fmt: skip
def test_impossible_numbers(folder: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert "Must be >=" in refused(*words)
