"""Deduplication of files: any shards and workers, several methods in turn, earlier text."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from assay.corpus.bad import BadDocument
from assay.corpus.deduplication.against import Against
from assay.corpus.deduplication.equal import EqualDocuments
from assay.corpus.deduplication.in_turn import InTurn
from assay.corpus.deduplication.lines import RepeatedUnits
from assay.corpus.deduplication.near_step import RemoveNearDuplicates
from assay.corpus.deduplication.passages import Passages
from assay.corpus.deduplication.planted import edited
from assay.corpus.steps import lines
from assay.corpus.steps.bare import run_bare
from assay.corpus.steps.step import Step

STEPS: dict[str, Step] = {
    "exact": EqualDocuments(),
    "normalised": EqualDocuments("normalised"),
    "minhash": RemoveNearDuplicates(),
    "lines": RepeatedUnits("lines"),
    "paragraphs": RepeatedUnits("paragraphs"),
    "substring": Passages(20),
    "all": InTurn((EqualDocuments(), RemoveNearDuplicates(), RepeatedUnits("lines"), Passages(20))),
}


def records(count: int = 90) -> list[dict[str, Any]]:
    """Documents of lines, with copies, edited copies, and shared lines and passages among them."""
    draw, generator = random.Random(0), np.random.default_rng(0)
    words = [f"word{i}" for i in range(2000)]
    shared = [" ".join(draw.choices(words, k=30)) for _ in range(5)]
    texts: list[str] = []
    for number in range(count):
        if number > 10 and number % 5 == 0:
            text = draw.choice(texts)
            texts.append([text, text.upper() + "!", edited(text, 0.02, words, generator)][draw.randrange(3)])
        else:
            pieces = [" ".join(draw.choices(words, k=12)) for _ in range(8)]
            pieces.insert(3, draw.choice(shared) if number % 2 else "")
            pieces[5] += " " + draw.choice(shared) if number % 3 == 0 else ""
            texts.append("\n".join(pieces) + "\n")
    return [{"text": text, "id": f"d{number}", "n": number} for number, text in enumerate(texts)]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BATCH_BYTES", 9000)
    monkeypatch.setattr("assay.corpus.chunks.CHUNK", 5000)


@pytest.mark.parametrize("method", STEPS)
def test_one_two_and_seven_shards_give_the_same(method: str, tmp_path: Path) -> None:
    rows = records()
    outcomes = []
    for shards in (1, 2, 7):
        cuts = np.linspace(0, len(rows), shards + 1).astype(int)
        folder = tmp_path / f"in-{shards}"
        for shard in range(shards):
            write(folder / f"part-{shard}.jsonl", rows[cuts[shard] : cuts[shard + 1]])
        account = run_bare(STEPS[method], folder, tmp_path / f"out-{shards}.jsonl", workers=2 if shards == 7 else 1)
        rules = account.model_dump(include={"removed", "changed", "into", "out"})
        outcomes.append(((tmp_path / f"out-{shards}.jsonl").read_bytes(), rules))
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert outcomes[0][1]["removed"] or outcomes[0][1]["changed"]


def test_methods_in_turn_are_one_after_the_other(tmp_path: Path) -> None:
    source = write(tmp_path / "0.jsonl", records())
    alone = InTurn((EqualDocuments(), RepeatedUnits("lines"), Passages(20)))
    together = run_bare(alone, source, tmp_path / "together.jsonl")
    for place, step in enumerate(alone.steps):
        run_bare(step, tmp_path / f"{place}.jsonl", tmp_path / f"{place + 1}.jsonl")
    assert read(tmp_path / "3.jsonl") == read(tmp_path / "together.jsonl")
    assert set(together.changed) == {"lines", "substring"}


@pytest.mark.parametrize("method", ["exact", "normalised", "minhash", "lines", "paragraphs", "substring"])
def test_earlier_text_comes_first_and_stays(method: str, tmp_path: Path) -> None:
    """As if earlier text and input were one file, of which only the input is written."""
    rows = records()
    earlier = write(tmp_path / "earlier.jsonl", rows[:50])
    source = write(tmp_path / "new.jsonl", rows[50:])
    both = write(tmp_path / "both.jsonl", rows)
    changes: dict[str, Any] = {"against": Against((earlier,))}
    step = STEPS[method]
    against = type(step)(**{**step.__dict__, **changes})
    run_bare(against, source, tmp_path / "found.jsonl")
    run_bare(step, both, tmp_path / "expected.jsonl")
    expected = [row for row in read(tmp_path / "expected.jsonl") if row["n"] >= 50]
    assert read(tmp_path / "found.jsonl") == expected
    assert len(expected) < 40 or expected != rows[50:]
    assert against.parameters()["against"][0].startswith("sha256:")


@pytest.mark.parametrize("method", ["exact", "minhash", "lines", "substring"])
def test_what_is_bad_in_earlier_text_is_passed_over_and_counted(method: str, tmp_path: Path) -> None:
    """As if it were not there."""
    rows = records()
    source, earlier = write(tmp_path / "new.jsonl", rows[50:]), write(tmp_path / "earlier.jsonl", rows[:50])
    lines = earlier.read_bytes().splitlines(keepends=True)
    broken = tmp_path / "broken.jsonl"
    broken.write_bytes(b"".join((*lines[:20], b'{"text": \n', b'{"id": "empty", "text": ""}\n', *lines[20:])))
    step = STEPS[method]
    found: dict[Path, tuple[bytes, dict[str, Any]]] = {}
    for path in (earlier, broken):
        changes: dict[str, Any] = {"against": Against((path,), skip_bad=True)}
        target = tmp_path / f"out-{path.name}"
        report = run_bare(type(step)(**{**step.__dict__, **changes}), source, target).report
        found[path] = target.read_bytes(), report[method]["against"]
    assert found[broken][0] == found[earlier][0]
    assert found[earlier][1] == {"documents": 50}
    assert found[broken][1] == {"documents": 50, "bad": {"broken JSON": 1, "empty": 1}}
    refusing: dict[str, Any] = {"against": Against((broken,))}
    with pytest.raises(BadDocument, match=r"broken\.jsonl, line 21: broken JSON"):
        run_bare(type(step)(**{**step.__dict__, **refusing}), source, tmp_path / "none.jsonl")


def test_removed_documents_say_of_what_they_are_duplicates(tmp_path: Path) -> None:
    source = write(tmp_path / "web.jsonl", records())
    run_bare(STEPS["all"], source, tmp_path / "out")
    packed = (tmp_path / "out" / "removed" / "web.jsonl.zst").read_bytes()
    removed = [json.loads(line) for line in zstandard.ZstdDecompressor().stream_reader(packed).read().splitlines()]
    said = {(row["removed_by"], row["detail"].split(":d")[0]) for row in removed}
    assert said == {("exact", "duplicate of web"), ("minhash", "duplicate of web")}
    assert any(", Jaccard 0." in row["detail"] for row in removed)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (
        manifest["report"]["minhash"]["dropped"]["documents"] == manifest["account"]["removed"]["minhash"]["documents"]
    )
