"""A document's story: every step, the reasons, also of what was removed; from a lab and from folders of steps."""

import hashlib
import json
from pathlib import Path

import pytest

from assay.corpus.documents import Source
from assay.corpus.ingest.add import Intake, add
from assay.corpus.provenance.in_folder import find_in_folder
from assay.corpus.provenance.in_lab import find_in_lab
from assay.corpus.steps.bare import run_bare
from assay.corpus.steps.lab import run_in_lab
from assay.spec.errors import UserError

from ..steps.toy import ToyClean, ToyDedup

TEXTS = {"a": "a fine colour", "b": "buy spam", "c": "a fine color", "d": "something else"}


def _write(path: Path) -> Path:
    path.write_text(
        "".join(json.dumps({"id": k, "text": v, "licence": "MIT", "page": k * 3}) + "\n" for k, v in TEXTS.items())
    )
    return path


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_in_a_lab(tmp_path: Path) -> None:
    add(tmp_path, Intake((Source("web", str(_write(tmp_path / "in.jsonl"))),)))
    run_in_lab(ToyClean(), tmp_path)
    run_in_lab(ToyDedup(), tmp_path)
    fates = {}
    for name in TEXTS:
        (story,) = find_in_lab(tmp_path, name)
        assert (story.domain, story.licence, story.hash) == ("web", "MIT", _hash(TEXTS[name]))
        assert story.extra == {"page": name * 3}
        assert story.source == str(tmp_path / "in.jsonl")
        fates[name] = [(each.step, each.fate, each.rules, each.detail, each.text) for each in story.chapters]
    assert fates["a"] == [
        ("add", "added", (), "", "a fine colour"),
        ("clean", "changed", ("spelling.colour",), "", "a fine color"),
        ("dedup", "kept", (), "", "a fine color"),
    ]
    assert fates["b"] == [("add", "added", (), "", "buy spam"), ("clean", "removed", ("spam",), "", "buy spam")]
    # "c" equals what became of "a", which came before it.
    assert fates["c"][-1] == ("dedup", "removed", ("exact",), "seen before", "a fine color")
    assert [fate for _, fate, *_ in fates["d"]] == ["added", "kept", "kept"]


def test_by_hash(tmp_path: Path) -> None:
    add(tmp_path, Intake((Source("web", str(_write(tmp_path / "in.jsonl"))),)))
    run_in_lab(ToyClean(), tmp_path)
    assert [story.id for story in find_in_lab(tmp_path, _hash("buy spam")[:10])] == ["b"]
    # The text as it is now leads to the whole story as well; so does the one that came in.
    now = {story.id: len(story.chapters) for story in find_in_lab(tmp_path, _hash("a fine color"))}
    assert now == {"a": 2, "c": 2}
    assert [story.id for story in find_in_lab(tmp_path, _hash("a fine colour")[:12].upper())] == ["a"]
    with pytest.raises(UserError, match="no document has the id 'abc'"):
        find_in_lab(tmp_path, "abc")


def test_in_folders_of_steps(tmp_path: Path) -> None:
    run_bare(ToyClean(), _write(tmp_path / "in.jsonl"), tmp_path / "clean")
    run_bare(ToyDedup(), tmp_path / "clean", tmp_path / "dedup")
    (story,) = find_in_folder(tmp_path / "dedup", "a")
    assert [(each.step, each.fate, each.text) for each in story.chapters] == [
        ("", "read", "a fine colour"), ("clean", "changed", "a fine color"), ("dedup", "kept", "a fine color"),
    ]  # fmt: skip
    (story,) = find_in_folder(tmp_path / "dedup", _hash("buy spam")[:8])
    assert [(each.step, each.fate, each.rules) for each in story.chapters] == [
        ("", "read", ()), ("clean", "removed", ("spam",)),
    ]  # fmt: skip
    (story,) = find_in_folder(tmp_path / "dedup", "c")
    assert story.chapters[-1].detail == "seen before"
    with pytest.raises(UserError, match="neither a lab nor a folder that a step wrote"):
        find_in_folder(tmp_path, "a")
    # What came before may be gone or made anew; the folder itself still answers.
    (tmp_path / "in.jsonl").unlink()
    run_bare(ToyDedup(), _write(tmp_path / "in2.jsonl"), tmp_path / "clean", overwrite=True)
    (story,) = find_in_folder(tmp_path / "dedup", "a")
    assert [each.step for each in story.chapters] == ["dedup"]


def test_documents_without_an_id(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS.values()))
    run_bare(ToyClean(), tmp_path / "in.jsonl", tmp_path / "clean")
    (story,) = find_in_folder(tmp_path / "clean", "in.jsonl:2")
    assert [each.fate for each in story.chapters] == ["read", "removed"]
    (again,) = find_in_folder(tmp_path / "clean", _hash("buy spam"))
    assert again == story
