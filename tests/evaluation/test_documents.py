"""Documents of a run's corpus, scored one by one in a process of its own."""

import hashlib
import json
import math
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from assay.corpus.build import build_corpus
from assay.corpus.documents import Source
from assay.evaluation.documents import HELDOUT, TRAIN, Scored, Stretch, main, stretches
from assay.training.main import train
from tests.corpus.analysis.editions import records, write
from tests.evaluation.test_score import by_hand
from tests.training.tiny import write_order


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of two domains with a vault, made by the builder."""
    folder = tmp_path_factory.mktemp("built")
    sources = [
        Source(name, str(write(folder / f"{name}.jsonl", records(200, seed))))
        for seed, name in enumerate(("docs", "code"))
    ]
    manifest = build_corpus(folder / "corpora", sources, vault=folder / "vault")
    return folder / "corpora" / manifest.id


def test_stretches_are_of_both_sides_and_of_no_sealed_document(built: Path) -> None:
    texts = {row["id"]: row["text"] for seed in (0, 1) for row in records(200, seed)}
    known = {(row["split"], row["domain"], row["hash"], row["id"])
             for row in pq.read_table(built / "documents.parquet").to_pylist()}  # fmt: skip
    found = stretches(built)
    assert {(each.side, each.domain) for each in found} == {(s, d) for s in (TRAIN, HELDOUT) for d in ("docs", "code")}
    for each in found:
        assert (each.side, each.domain, each.document, each.id) in known
        assert each.text in texts[each.id]
        assert len(each.text.encode()) <= 1024
        assert hashlib.sha256(texts[each.id].encode()).hexdigest() == each.document
    assert len({each.document for each in found}) == len(found)
    sealed = (built.parent.parent / "vault" / built.name / "documents.jsonl").read_text().splitlines()
    assert {json.loads(line)["hash"] for line in sealed}.isdisjoint(each.document for each in found)
    assert stretches(built) == found
    assert stretches(built, seed=1) != found


def test_scores_are_what_a_loop_over_single_tokens_finds(built: Path, tmp_path: Path) -> None:
    from assay.training.restore import load_model

    run_json = write_order(tmp_path, built)
    train(run_json)
    model = load_model(run_json.parent).model
    command = [sys.executable, "-m", "assay.evaluation.documents", str(run_json.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [{**row, "nats": 0} for row in rows] == [{**each._asdict(), "nats": 0} for each in stretches(built)]
    rows.sort(key=lambda row: len(row["text"]))
    for row in (rows[0], rows[1]):
        assert row["nats"] == pytest.approx(by_hand(model, [256, *row["text"].encode()], context=16), rel=1e-5)
        each = Scored(Stretch(**{name: row[name] for name in Stretch._fields}), row["nats"])
        assert each.bits_per_byte == pytest.approx(row["nats"] / math.log(2) / len(row["text"].encode()))


def test_a_folder_without_a_run_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: ")
