"""A document's story: every step, the reasons, also of what was removed; from a lab and from folders of steps."""

import hashlib
import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import zstandard

from assay.corpus.decontamination.evaluations import Evaluation
from assay.corpus.decontamination.step import Decontaminate
from assay.corpus.documents import Source
from assay.corpus.editions.rows import SCHEMA
from assay.corpus.ingest.add import Intake, add
from assay.corpus.licences.step import KeepLicensed
from assay.corpus.provenance.in_folder import find_in_folder
from assay.corpus.provenance.in_lab import find_in_lab
from assay.corpus.removal.accounts import leaving
from assay.corpus.removal.editions import editions_of, rewrite
from assay.corpus.removal.quotations import Quotations
from assay.corpus.removal.record import Record
from assay.corpus.removal.request import Request
from assay.corpus.removal.trace import trace
from assay.corpus.steps.bare import run_bare
from assay.corpus.steps.lab import run_in_lab
from assay.spec.errors import UserError
from assay.spec.lab import LicencePolicy

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
    assert [(each.step, each.fate, each.rules, each.text) for each in story.chapters] == [
        ("", "read", (), "a fine colour"), ("clean", "changed", ("spelling.colour",), "a fine color"),
        ("dedup", "kept", (), "a fine color"),
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
    (story,) = find_in_folder(tmp_path / "clean", "a")
    assert [(each.fate, each.rules) for each in story.chapters] == [("changed", ("spelling.colour",))]
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
    # What is listed as removed says by which name it is found.
    content = (tmp_path / "clean" / "removed" / "in.jsonl.zst").read_bytes()
    (line,) = zstandard.ZstdDecompressor().stream_reader(content).read().splitlines()
    assert find_in_folder(tmp_path / "clean", json.loads(line)["hash"]) == [story]
    assert find_in_folder(tmp_path / "clean", "in:in.jsonl:2") == [story]


def test_equal_texts_without_ids_have_stories_of_their_own(tmp_path: Path) -> None:
    files = {"a": ["same", "buy spam", "other", "same"], "b": ["same", "colour", "color", "same", "colour"]}
    (tmp_path / "in").mkdir()
    for name, texts in files.items():
        lines = [json.dumps({"text": text}) for text in texts]
        lines.insert(2, "")  # a blank line counts as a line, as it does in an editor
        lines.insert(3, "no JSON")
        (tmp_path / "in" / f"{name}.jsonl").write_text("\n".join(lines))
    run_bare(ToyClean(), tmp_path / "in", tmp_path / "clean", skip_bad=True)
    run_bare(ToyDedup(), tmp_path / "clean", tmp_path / "dedup")
    expected = {
        "a.jsonl:1": ["read", "kept", "kept"], "a.jsonl:2": ["read", "removed"], "a.jsonl:5": ["read", "kept", "kept"],
        "a.jsonl:6": ["read", "kept", "removed"], "b.jsonl:1": ["read", "kept", "removed"],
        "b.jsonl:2": ["read", "changed", "kept"], "b.jsonl:5": ["read", "kept", "removed"],
        "b.jsonl:6": ["read", "kept", "removed"], "b.jsonl:7": ["read", "changed", "removed"],
    }  # fmt: skip
    for name, fates in expected.items():
        (story,) = find_in_folder(tmp_path / "dedup", name)
        assert ([chapter.fate for chapter in story.chapters], story.id) == (fates, name)
    named = [story.id for story in find_in_folder(tmp_path / "dedup", _hash("same"))]
    assert named == ["a.jsonl:1", "a.jsonl:6", "b.jsonl:1", "b.jsonl:6"]
    # Steps call documents by what went into them: the second line that the first step kept of b is the third of b.
    (story,) = find_in_folder(tmp_path / "dedup", "b:b.jsonl.zst:3")
    assert story.id == "b.jsonl:5"
    # An input that was written anew is no part of the story.
    (tmp_path / "in" / "a.jsonl").write_text(json.dumps({"text": "new"}) + "\n")
    (story,) = find_in_folder(tmp_path / "dedup", "a.jsonl:2")
    assert [(chapter.step, chapter.fate) for chapter in story.chapters] == [("clean", "removed")]


@pytest.mark.parametrize("side", ["kept", "removed"])
@pytest.mark.parametrize("damage", ["cut short", "a text"])
def test_what_is_damaged_is_named(tmp_path: Path, side: str, damage: str) -> None:
    add(tmp_path, Intake((Source("web", str(_write(tmp_path / "in.jsonl"))),)))
    run_in_lab(ToyClean(), tmp_path)
    path = next((tmp_path / "text" / (tmp_path / "text" / "newest").read_text().strip() / side).glob("*.parquet"))
    content = bytearray(path.read_bytes())
    text = pq.ParquetFile(path).metadata.row_group(0).column(SCHEMA.get_field_index("text"))
    content[text.data_page_offset + text.total_compressed_size // 2] ^= 255
    path.write_bytes(content if damage == "a text" else path.read_bytes()[:-100])
    with pytest.raises(UserError, match=rf"{re.escape(str(path))}: damaged \(.*; restore the file"):
        find_in_lab(tmp_path, "b" if side == "removed" else "a")


@pytest.mark.parametrize("side", ["kept", "removed", "changes"])
def test_what_is_damaged_in_folders_is_named(tmp_path: Path, side: str) -> None:
    run_bare(ToyClean(), _write(tmp_path / "in.jsonl"), tmp_path / "clean")
    path = tmp_path / "clean" / side / "in.jsonl.zst"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(UserError, match=rf"{re.escape(str(path))}: damaged or cut short"):
        find_in_folder(tmp_path / "clean", "a")


def test_the_whole_story_of_every_kind_of_document(tmp_path: Path) -> None:
    quiz = "which of these four animals lays eggs and yet feeds its young with milk at home"
    texts = {
        "kept": "a quiet evening", "filtered": "buy spam", "copied": "a quiet evening", "leaked": f"tell me {quiz} now",
        "denied": "for friends alone", "unknown": "from nowhere", "gone": "a colour that somebody wants back",
    }  # fmt: skip
    licences = {"denied": "CC BY-NC 4.0", "unknown": ""}
    rows = [{"id": name, "text": text, "licence": licences.get(name, "CC BY 4.0"), "source": f"{name}.org",
             "retrieved": "2024-05-01"} for name, text in texts.items()]  # fmt: skip
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    add(tmp_path, Intake((Source("web", str(path)),)))
    policy = LicencePolicy(deny=("CC-BY-NC-*",), unknown="deny")
    steps = (KeepLicensed(policy), ToyClean(), ToyDedup(), Decontaminate([Evaluation("quiz", ["line 1"], [[quiz]])]))
    for step in steps:
        run_in_lab(step, tmp_path)
    line, others = editions_of(tmp_path)
    request, quotations = Request(("gone.org",), "asked for by its author"), Quotations()
    record = Record.begin(tmp_path, request, trace(line, others, request, quotations))
    rewrite(tmp_path, line, request, leaving(record.documents), quotations)
    record.finish({})
    ends = {}
    for name, text in texts.items():
        (story,) = find_in_lab(tmp_path, name)
        assert find_in_lab(tmp_path, f"web:{name}") == [story]
        assert story in find_in_lab(tmp_path, _hash(text)[:12])
        assert (story.source, story.retrieved, story.hash) == (f"{name}.org", "2024-05-01", _hash(text))
        assert story.licence == {"denied": "CC-BY-NC-4.0", "unknown": "unknown"}.get(name, "CC-BY-4.0")
        last = story.chapters[-1]
        ends[name] = (last.step, last.fate, last.rules, len(story.chapters))
        assert (last.text == "") == (name == "gone")
    assert ends == {
        "kept": ("decontaminate", "kept", (), 5), "filtered": ("clean", "removed", ("spam",), 3),
        "copied": ("dedup", "removed", ("exact",), 4), "leaked": ("decontaminate", "removed", ("quiz",), 5),
        "denied": ("licences", "removed", ("licence",), 2), "unknown": ("licences", "removed", ("licence",), 2),
        "gone": ("remove", "removed", ("removed on request",), 6),
    }  # fmt: skip
    (gone,) = find_in_lab(tmp_path, "gone")
    assert [(each.fate, each.rules) for each in gone.chapters[1:3]] == [("kept", ()), ("changed", ("spelling.colour",))]
    assert "gone.org" in gone.chapters[-1].detail
    assert "asked for by its author" in gone.chapters[-1].detail
    said = {name: find_in_lab(tmp_path, name)[0].chapters[-1].detail for name in ("denied", "unknown", "leaked")}
    assert "CC-BY-NC-4.0 is denied" in said["denied"]
    assert "not known" in said["unknown"]
    assert "quiz line 1" in said["leaked"]
