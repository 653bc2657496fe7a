"""What is sealed when a corpus is built: who may read it, and that nobody meets it anywhere else."""

import hashlib
import json
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpus import sealed as sealing
from assay.corpus.build import build_corpus
from assay.corpus.documents import Source
from assay.corpus.sealed import open_sealed, read_part
from assay.corpus.split import LEAST_GROUPS, choose_heldout, choose_sealed, draw
from assay.spec.errors import UserError

from .helpers import rows, spans, write_folder, write_jsonl


def texts_of(vault: Path) -> dict[str, str]:
    """Sealed spans by document, read without the package."""
    found: dict[str, str] = {}
    for path in vault.glob("part-*.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            found[row["document"]] = found.get(row["document"], "") + row["text"]
    return found


def test_sealed_documents_are_nowhere_but_in_the_vault(tmp_path: Path) -> None:
    prose, verse = write_folder(tmp_path / "prose", 200), write_folder(tmp_path / "verse", 100)
    few = write_folder(tmp_path / "few", LEAST_GROUPS - 1)
    for path in (*verse.iterdir(), *few.iterdir()):  # or the domains would hold the same texts
        path.write_text(f"{path.parent.name} {path.read_text(encoding='utf-8')}", encoding="utf-8")
    sources = [Source(name, str(tmp_path / name)) for name in ("prose", "verse", "few")]
    manifest = build_corpus(tmp_path / "c", sources, vault=tmp_path / "vault")
    corpus, vault = tmp_path / "c" / manifest.id, tmp_path / "vault" / manifest.id
    sealed = texts_of(vault)
    every = {hashlib.sha256(p.read_bytes()).hexdigest(): p for f in (prose, verse, few) for p in f.iterdir()}
    assert set(sealed) < set(every)
    listed = {row["hash"] for row in rows(corpus)}
    assert not listed & set(sealed)
    assert listed | set(sealed) == set(every), "what is not sealed trains or is held out as ever"
    assert not {span["document"] for span in spans(corpus)} & set(sealed)
    everything = b"".join(path.read_bytes() for path in corpus.rglob("*") if path.is_file())
    for document, text in sealed.items():
        assert text.encode() not in everything
        assert every[document].name.encode() not in everything or every[document].parent == few
    by_domain = {name: sum(every[d].parent.name == name for d in sealed) for name in ("prose", "verse", "few")}
    assert by_domain["few"] == 0
    assert 2 <= by_domain["verse"] <= 20
    assert 2 <= by_domain["prose"] <= 40
    assert open_sealed(vault).without == ("few",)


def test_only_the_owner_may_enter(tmp_path: Path) -> None:
    before = os.umask(0)  # the most generous there is
    try:
        sources = [Source("prose", str(write_folder(tmp_path / "prose", 60)))]
        manifest = build_corpus(tmp_path / "c", sources, vault=tmp_path / "vault")
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "vault").rglob("*")}
    assert len(modes) == 4
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert stat.S_IMODE((tmp_path / "vault").stat().st_mode) == 0o700
    assert manifest.vault == open_sealed(tmp_path / "vault" / manifest.id).commitment


def test_the_commitment_binds_every_byte_of_every_span(tmp_path: Path) -> None:
    sources = [Source("prose", str(write_folder(tmp_path / "prose", 60)))]
    manifest = build_corpus(tmp_path / "c", sources, vault=tmp_path / "vault")
    folder = tmp_path / "vault" / manifest.id
    assert read_part(folder, open_sealed(folder), 0)
    path = folder / "part-0.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("e", "f", 1), encoding="utf-8")
    with pytest.raises(UserError, match="not what was sealed"):
        read_part(folder, open_sealed(folder), 0)


def test_same_text_is_sealed_alike_wherever_it_lies(tmp_path: Path) -> None:
    found: list[tuple[str, dict[str, str]]] = []
    for place in ("one", "two"):
        source = write_folder(tmp_path / place / "text", 80)
        manifest = build_corpus(tmp_path / place / "c", [Source("prose", str(source))], vault=tmp_path / place / "v")
        found.append((manifest.vault, texts_of(tmp_path / place / "v" / manifest.id)))
    assert found[0] == found[1]


def test_a_vault_that_is_there_keeps_its_record_of_queries(tmp_path: Path) -> None:
    sources = [Source("prose", str(write_folder(tmp_path / "prose", 60)))]
    manifest = build_corpus(tmp_path / "c", sources, vault=tmp_path / "vault")
    record = tmp_path / "vault" / manifest.id / "queries.jsonl"
    record.write_text("asked\n")
    assert build_corpus(tmp_path / "c", sources, vault=tmp_path / "vault") == manifest
    assert record.read_text() == "asked\n"


def test_a_small_corpus_seals_nothing_and_says_so(tmp_path: Path) -> None:
    sources = [Source("prose", str(write_folder(tmp_path / "prose", LEAST_GROUPS - 1)))]
    manifest = build_corpus(tmp_path / "c", sources, vault=tmp_path / "vault")
    assert manifest.vault == ""
    assert not (tmp_path / "vault").exists()


def test_records_of_one_source_are_sealed_together(tmp_path: Path) -> None:
    records = [{"id": f"r:{n // 5}#{n}", "text": f"record {n} " * 50} for n in range(500)]
    source = write_jsonl(tmp_path / "qa.jsonl", records)
    manifest = build_corpus(tmp_path / "c", [Source("qa", str(source))], vault=tmp_path / "vault")
    lines = (tmp_path / "vault" / manifest.id / "documents.jsonl").read_text().splitlines()
    groups = [json.loads(line)["id"].partition("#")[0] for line in lines]
    assert len(set(groups)) >= 2
    assert all(groups.count(group) == 5 for group in groups)


def test_a_large_vault_has_parts_without_a_document_in_common(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "DOCUMENTS_A_PART", 10)
    source = write_folder(tmp_path / "prose", 300)
    manifest = build_corpus(tmp_path / "c", [Source("prose", str(source))], vault=tmp_path / "vault")
    folder = tmp_path / "vault" / manifest.id
    sealed = open_sealed(folder)
    assert 2 <= len(sealed.parts) <= 3
    parts = [{span.document for span in read_part(folder, sealed, i)} for i in range(len(sealed.parts))]
    assert sum(map(len, parts)) == len(set().union(*parts))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


GROUPS = st.lists(st.sets(st.integers(0, 400), min_size=2, max_size=200), min_size=1, max_size=4)


@given(GROUPS)
def test_sides_never_overlap_and_small_domains_lose_nothing(groups: list[set[int]]) -> None:
    domains = {f"d{i}": np.array([draw(str(g)) for g in sorted(names)]) for i, names in enumerate(groups)}
    try:
        heldout = choose_heldout(domains)
    except UserError:
        return
    sealed = choose_sealed(domains, heldout)
    assert not set(sealed.tolist()) & set(heldout.tolist())
    for draws in domains.values():
        mine = int(np.isin(draws, sealed).sum())
        if len(draws) < LEAST_GROUPS:
            assert mine == 0
        assert mine + int(np.isin(draws, heldout).sum()) < len(draws), "something is left to train on"
    # The order of domains and groups decides nothing.
    shuffled = {name: domains[name][::-1] for name in reversed(domains)}
    assert choose_sealed(shuffled, heldout).tolist() == sealed.tolist()
