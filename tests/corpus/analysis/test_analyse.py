"""A report's facts against counts by hand; no text of sealed documents among them."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from assay.corpus.analysis.analyse import analyse
from assay.corpus.analysis.collection import Removed, open_collection
from assay.corpus.analysis.sealing import Sealing
from assay.corpus.analysis.survey import year_of
from assay.corpus.documents import Source, id_group
from assay.corpus.editions.edition import OpenEdition, newest_edition
from assay.corpus.ingest.add import Intake, add
from assay.corpus.steps.bare import run_bare
from assay.corpus.steps.lab import run_in_lab
from assay.corpus.steps.step import Batch, Judged
from assay.spec.errors import UserError
from tests.corpus.steps.toy import ToyClean, ToyDedup

from .editions import make_editions, records, write


def test_counts_are_those_of_a_loop(tmp_path: Path) -> None:
    rows = [*records(80), *[{**row, "domain": "other"} for row in records(30, 2)]]
    facts = analyse(open_collection(write(tmp_path / "all.jsonl", rows), tmp_path))
    domains: dict[str, list[int]] = {}
    for row in rows:
        domains.setdefault(row.get("domain", "all"), []).append(len(row["text"].encode()))
    assert {each.name: (each.documents, each.bytes) for each in facts.domains} == {
        name: (len(sizes), sum(sizes)) for name, sizes in domains.items()
    }
    for each in facts.domains:
        sizes = sorted(domains[each.name])
        assert each.lengths.quantiles["0.5"] == sizes[(len(sizes) + 1) // 2 - 1]
        assert (each.lengths.least, each.lengths.most) == (sizes[0], sizes[-1])
        for count, low, high in zip(each.lengths.bars, facts.length_bins, facts.length_bins[1:], strict=False):
            assert count == sum(low <= size < high for size in sizes)
    assert {each.licence: each.documents for each in facts.licences} == Counter(row["licence"] for row in rows)
    assert facts.same_texts == len(rows) - len({row["text"] for row in rows})
    assert facts.dates.written == {
        str(1900 + i): n for i, n in Counter(int(r["date"][:4]) - 1900 for r in rows).items()
    }
    assert facts.dates.retrieved == {"unknown": len(rows)}
    assert facts.sampled.documents == len(rows)
    words = next(each for each in facts.statistics if (each.filter, each.name) == ("gopher_quality", "words"))
    assert words.domains["all"].documents == 80
    assert abs(words.domains["all"].quantiles["0.5"] - np.median([len(r["text"].split()) for r in rows[:80]])) < 8


def test_a_folder_of_a_step_tells_what_was_removed_and_shows_some(tmp_path: Path) -> None:
    account = run_bare(ToyClean(), write(tmp_path / "in.jsonl", records(60)), tmp_path / "one")
    again = run_bare(ToyDedup(), tmp_path / "one", tmp_path / "two")
    facts = analyse(open_collection(tmp_path / "two", tmp_path))
    assert [step.account.step for step in facts.steps] == ["clean", "dedup"]
    assert facts.taken_in == account.into
    assert facts.totals == again.out
    assert facts.root == json.loads((tmp_path / "two" / "manifest.json").read_text())["root"]
    assert facts.removed
    assert {(each.step, each.rule, each.detail) for each in facts.removed} == {("dedup", "exact", "seen before")}
    # Without what went in before, the story begins later.
    shutil.rmtree(tmp_path / "one")
    assert [step.account.step for step in analyse(open_collection(tmp_path / "two", tmp_path)).steps] == ["dedup"]


def test_an_edition_is_told_from_the_first_step_on(tmp_path: Path) -> None:
    folders = make_editions(tmp_path)
    facts = analyse(open_collection(folders[-1], tmp_path))
    assert [step.account.step for step in facts.steps] == ["add", "clean", "dedup"]
    assert facts.kind == "edition"
    assert facts.taken_in.documents == 121
    assert facts.totals.documents == OpenEdition(folders[-1]).manifest.documents
    assert sum(facts.dates.retrieved.values()) == facts.totals.documents
    assert "unknown" not in facts.dates.retrieved
    # The same once more, whatever the cut into batches.
    assert analyse(open_collection(folders[-1], tmp_path)) == facts


@pytest.mark.parametrize("count", [25, 300])
def test_every_document_that_a_build_seals_is_hidden(tmp_path: Path, count: int) -> None:
    """The corpus is built by the builder itself; its vault says what it sealed."""
    from assay.corpus.build import build_corpus

    rows = {name: records(count, seed) for seed, name in enumerate(("prose", "verse"))}
    sources = tuple(Source(name, str(write(tmp_path / f"{name}.jsonl", found))) for name, found in rows.items())
    manifest = build_corpus(tmp_path / "corpora", sources, vault=tmp_path / "vault")
    lines = (tmp_path / "vault" / manifest.id / "documents.jsonl").read_text().splitlines()
    sealed = {(row["domain"], row["id"]) for row in map(json.loads, lines)}
    assert sealed
    lab = tmp_path / "lab"
    lab.mkdir()
    add(lab, Intake(sources))
    edition = newest_edition(lab)
    sealing = Sealing(edition)
    rows_of = [
        row
        for shard in edition.manifest.shards
        for row in pq.read_table(edition.shard(shard.name), columns=["domain", "id", "group"]).to_pylist()
    ]
    documents = {(row["domain"], row["id"]): Removed("", "", "", row["id"], row["domain"], row["group"], "")
                 for row in rows_of}  # fmt: skip
    assert all(sealing.hides(documents[each]) for each in sealed)
    hidden = {each for each, document in documents.items() if sealing.hides(document)}
    assert len(hidden) < len(documents) / 3
    texts = {(name, row["id"]): row["text"] for name, found in rows.items() for row in found}
    facts = analyse(open_collection(edition.folder, tmp_path))
    said = facts.model_dump_json()
    shown = {text for each, text in texts.items() if each not in hidden}
    for each in hidden:
        if texts[each] not in shown:
            assert json.dumps(texts[each][:40])[1:-1] not in said
    assert facts.hidden == len(hidden)


def test_what_holds_sealed_text_is_hidden_too(tmp_path: Path) -> None:
    """Documents that were removed because of sealed text, and duplicates of sealed documents."""
    rows = records(100)
    lab = tmp_path / "lab"
    lab.mkdir()
    add(lab, Intake((Source("prose", str(write(tmp_path / "prose.jsonl", rows))),)))
    sealing = Sealing(newest_edition(lab))
    one = next(row["id"] for row in rows if sealing.hides(known("prose", row["id"])))
    free = [row["id"] for row in rows if not sealing.hides(known("prose", row["id"]))]
    details = {
        free[0]: ("sealed", ""),
        free[1]: ("arc", "text of sealed documents; 3 words of arc"),
        free[2]: ("exact", f"duplicate of prose:{one}, Jaccard 0.91"),
        free[3]: ("exact", "duplicate of prose:x"),
    }
    run_in_lab(Telling(details), lab)
    sealing = Sealing(newest_edition(lab))
    assert [sealing.hides(known("prose", name)) for name in free[:4]] == [True, True, True, False]
    card = {"domain": "prose", "bytes": 5, "beginning": "Sealed?"}
    report = sealing.without({"minhash": {"largest": [
        {"kept": {**card, "id": free[5]}, "dropped": [{**card, "id": one}]},
        {"kept": {**card, "id": free[5]}, "dropped": [{**card, "id": free[6]}]},
    ]}})  # fmt: skip
    first, second = report["minhash"]["largest"]
    assert first["kept"]["beginning"] == first["dropped"][0]["beginning"] == ""
    assert second["kept"]["beginning"] == "Sealed?"


def known(domain: str, name: str) -> Removed:
    return Removed("", "", "", name, domain, id_group(name), "")


class Telling(ToyClean):
    """Removes documents for reasons that it is told."""

    def __init__(self, details: dict[str, tuple[str, str]]) -> None:
        self._details = details

    def apply(self, batch: Batch, plan: Any) -> Judged:
        assert plan is None
        rows = {row: self._details[name] for row, name in enumerate(batch.column("id")) if name in self._details}
        return Judged(
            {row: rule for row, (rule, _) in rows.items()}, details={row: said for row, (_, said) in rows.items()}
        )


def test_years_are_found_in_records_and_their_metadata() -> None:
    assert year_of({"date": "2019-03-02"}) == "2019"
    assert year_of({"meta": {"year": 1871}}) == "1871"
    assert year_of({"published": "1999"}) == "1999"
    assert year_of({"timestamp": 1563000000}) == ""
    assert year_of({"date": "03/02/2019"}) == "2019"
    assert year_of({"date": "yesterday"}) == ""
    assert year_of({}) == ""


def test_nothing_there_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        open_collection(tmp_path / "missing", tmp_path)
    (tmp_path / "broken.jsonl").write_text('{"text": "fine"}\n{"text": \n')
    with pytest.raises(UserError, match=r"broken\.jsonl, line 2"):
        analyse(open_collection(tmp_path / "broken.jsonl", tmp_path))
    facts = analyse(open_collection(tmp_path / "broken.jsonl", tmp_path / "work", skip_bad=True))
    assert facts.totals.documents == 1
