"""Sealed documents are found by hashes; the file of these says nothing to whoever has no key."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from assay.corpus.build import build_corpus
from assay.corpus.decontamination.evaluations import SEALED
from assay.corpus.decontamination.ngrams import NGRAM, ngrams_of
from assay.corpus.decontamination.sealed import KEY, sealed_ngrams
from assay.corpus.decontamination.step import Decontaminate
from assay.corpus.sources import Source
from assay.spec.errors import UserError
from tests.corpus.decontamination.driver import documents, run


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lab")
    books = folder / "books"
    books.mkdir()
    for i in range(60):
        text = " ".join(f"word{i}x{k} went{k % 7}" for k in range(120))
        (books / f"{i}.txt").write_text(f"Chapter {i}. {text}")
    manifest = build_corpus(folder / "corpora", [Source("prose", str(books))], vault=folder / "vault")
    assert manifest.vault
    return folder / "vault" / manifest.id


def spans(vault: Path) -> list[str]:
    return [json.loads(line)["text"] for line in (vault / "part-0.jsonl").read_text().splitlines()]


def test_sealed_text_is_found_and_nothing_of_it_told(vault: Path, tmp_path: Path) -> None:
    sealed = sealed_ngrams(vault, tmp_path / "sealed.ngrams", NGRAM)
    text = spans(vault)[0]
    copied = " ".join(text.split()[3:20]).upper()
    plan, judged = run(
        Decontaminate([], sealed=sealed, remove="span"), documents(f"So it began: {copied}, and on.", "nothing of it")
    )
    assert judged.removed == {0: SEALED}  # whole, for a cut would point at the text
    assert judged.details == {0: "text of sealed documents"}
    found = plan.report["evaluations"][SEALED]
    assert set(found) == {"items", "documents", "bytes", "domains"}
    assert found["documents"] == 1
    told = json.dumps(plan.report).lower() + repr(plan.spans)
    assert not [word for word in copied.lower().split() if word in told]


def test_sealed_documents_themselves_stay(vault: Path, tmp_path: Path) -> None:
    """They are among a lab's documents, and become no training text."""
    sealed = sealed_ngrams(vault, tmp_path / "sealed.ngrams", NGRAM)
    row = json.loads((vault / "documents.jsonl").read_text().splitlines()[0])
    text = next(json.loads(line) for line in (vault / "part-0.jsonl").read_text().splitlines()
                if json.loads(line)["document"] == row["hash"])["text"]  # fmt: skip
    given = [*documents(text, domain="prose", id=row["id"]), *documents(text, domain="prose", id="copy.txt")]
    assert run(Decontaminate([], sealed=sealed), given)[1].removed == {1: SEALED}


def test_without_the_key_the_file_is_noise(vault: Path, tmp_path: Path) -> None:
    path = tmp_path / "sealed.ngrams"
    sealed_ngrams(vault, path, NGRAM)
    content = path.read_bytes()
    assert (vault / KEY).stat().st_mode & 0o077 == 0
    hashes = ngrams_of(spans(vault), range(len(spans(vault))), NGRAM).hashes
    assert len(hashes) > 1000
    assert not any(value.tobytes() in content or value.byteswap().tobytes() in content for value in hashes)
    assert not any(word.encode() in content for text in spans(vault) for word in text.split() if len(word) > 4)
    ones = np.unpackbits(np.frombuffer(content[1:], np.uint8)).mean()
    assert abs(ones - 0.5) < 4 * 0.5 / (8 * len(content)) ** 0.5  # four standard errors of fair coins
    # The same n-grams under another nonce look unrelated, so that two files are not to be compared.
    path.unlink()
    sealed_ngrams(vault, path, NGRAM)
    same = np.frombuffer(content, np.uint8) == np.frombuffer(path.read_bytes(), np.uint8)
    assert same.mean() < 0.01


def test_it_is_read_again_without_the_text_and_made_anew_where_it_is_damaged(vault: Path, tmp_path: Path) -> None:
    path = tmp_path / "sealed.ngrams"
    first = sealed_ngrams(vault, path, NGRAM)
    before = path.read_bytes()
    parts = sorted(vault.glob("part-*"))
    hidden = [part.rename(part.with_name("hidden-" + part.name)) for part in parts]
    try:
        again = sealed_ngrams(vault, path, NGRAM)
        assert path.read_bytes() == before
        assert again.ngrams(0).hashes.tolist() == first.ngrams(0).hashes.tolist()
        path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        with pytest.raises(UserError, match="part 0 of the vault"):
            sealed_ngrams(vault, path, NGRAM)
    finally:
        for part, name in zip(hidden, parts, strict=True):
            part.rename(name)
    assert sealed_ngrams(vault, path, NGRAM).items == first.items


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_another_user_gets_one_sentence(vault: Path, tmp_path: Path) -> None:
    vault.chmod(0)
    try:
        with pytest.raises(UserError, match="belong to another user"):
            sealed_ngrams(vault, tmp_path / "sealed.ngrams", NGRAM)
    finally:
        vault.chmod(0o700)
