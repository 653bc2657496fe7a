"""Nothing is encoded twice, however a build ends; and what is encoded does not depend on how."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer as HfTokenizer

from assay.corpus import encoding
from assay.corpus.build import Built, build_from
from assay.corpus.documents import Document
from assay.corpus.loader import Loader
from assay.corpus.manifest import open_corpus
from assay.corpus.tokenizers.bpe import train_bpe
from assay.corpus.tokenizers.hf import HuggingFace
from assay.spec.recipe import Recipe
from assay.spec.scale import Scale, shape_at

from .helpers import files_of, rows


def documents(count: int, name: str = "a", first: int = 0) -> list[tuple[str, Document]]:
    return [
        (name, Document(f"{name} {n} größer " * 40, f"{name}{n}", "here", "MIT", f"id:{name}{n}"))
        for n in range(first, first + count)
    ]


@pytest.fixture
def tokenizer(tmp_path: Path) -> str:
    path = tmp_path / "tokenizer.json"
    path.write_text(train_bpe((document.text.encode() for _, document in documents(40)), 300))
    return str(path)


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every document that is encoded in this process."""
    seen: list[bytes] = []
    inner = HuggingFace.encode_stream

    def watched(self: HuggingFace, texts: Iterable[bytes]) -> Iterator[np.ndarray]:
        kept = list(texts)
        seen.extend(kept)
        return inner(self, kept)

    monkeypatch.setattr(HuggingFace, "encode_stream", watched)
    return seen


def build(folder: Path, given: list[tuple[str, Document]], tokenizer: str, **options: int) -> Built:
    return build_from(folder, iter(given), tokenizer, **options)


def train_texts(folder: Path, built: Built) -> int:
    return sum(row["split"] == "train" for row in rows(folder / built.manifest.id))


def test_the_same_documents_again_are_not_encoded(tmp_path: Path, tokenizer: str, encoded: list[bytes]) -> None:
    first = build(tmp_path / "c", documents(60), tokenizer)
    assert len(encoded) == train_texts(tmp_path / "c", first) == first.encoded.documents
    encoded.clear()
    again = build(tmp_path / "c", documents(60)[::-1], tokenizer)
    assert again.manifest == first.manifest
    assert encoded == []


def test_only_added_documents_are_encoded(tmp_path: Path, tokenizer: str, encoded: list[bytes]) -> None:
    build(tmp_path / "c", documents(60), tokenizer)
    before = set(encoded)
    encoded.clear()
    more = [*documents(60), *documents(20, first=60), *documents(30, "b")]
    grown = build(tmp_path / "c", more, tokenizer)
    assert 0 < grown.copied.documents <= 60
    assert len(encoded) == grown.encoded.documents
    assert not before & set(encoded)
    fresh = build(tmp_path / "d", more, tokenizer)
    assert fresh.copied.documents == 0
    assert files_of(tmp_path / "c" / grown.manifest.id) == files_of(tmp_path / "d" / fresh.manifest.id)
    assert sorted(path.name for path in (tmp_path / "d").iterdir()) == [fresh.manifest.id]


def test_tokens_of_another_tokenizer_are_not_copied(tmp_path: Path, tokenizer: str) -> None:
    build(tmp_path / "c", documents(60), tokenizer)
    other = tmp_path / "other.json"
    other.write_text(train_bpe([b"quite another text than that"], 280))
    assert build(tmp_path / "c", documents(60), str(other)).copied.documents == 0
    assert build(tmp_path / "c", documents(60), "bytes").copied.documents == 0


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_change_nothing(tmp_path: Path, tokenizer: str, monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    monkeypatch.setattr(encoding, "_WORTH_WORKERS", 0)
    monkeypatch.setattr(encoding, "PART_BYTES", 5_000)
    many = build(tmp_path / "c", documents(60), tokenizer, workers=workers)
    monkeypatch.setattr(encoding, "PART_BYTES", 700)
    one = build(tmp_path / "d", documents(60), tokenizer, workers=1)
    assert files_of(tmp_path / "c" / many.manifest.id) == files_of(tmp_path / "d" / one.manifest.id)


KILLED = """
import os, signal, sys
from pathlib import Path
from assay.corpus import encoding
from assay.corpus.build import build_from
from tests.corpus.test_encoding import documents

def progress(done, total, message):
    if message.startswith("tokenising"):
        seen.append(done)
        if len(seen) == 4:
            os.kill(os.getpid(), signal.SIGKILL)

seen = []
encoding.PART_BYTES = 5_000
encoding._WORTH_WORKERS = 0
build_from(Path(sys.argv[1]), documents(60), sys.argv[2], progress, workers=int(sys.argv[3]))
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_build_goes_on_with_the_same_bytes(
    tmp_path: Path, tokenizer: str, encoded: list[bytes], monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path / "c"), tokenizer, str(workers)]
    assert subprocess.run(command, check=False, cwd=Path(__file__).parents[2]).returncode == -signal.SIGKILL
    [kept] = (tmp_path / "c").glob(".tokens-*")
    assert len(list(kept.glob("*.bin"))) >= 4
    monkeypatch.setattr(encoding, "PART_BYTES", 5_000)
    built = build(tmp_path / "c", documents(60), tokenizer, workers=1)
    assert 0 < len(encoded) < train_texts(tmp_path / "c", built)
    assert [path.name for path in (tmp_path / "c").iterdir()] == [built.manifest.id]
    fresh = build(tmp_path / "d", documents(60), tokenizer)
    assert files_of(tmp_path / "c" / built.manifest.id) == files_of(tmp_path / "d" / fresh.manifest.id)


def test_a_vocabulary_of_more_than_two_bytes(tmp_path: Path, tokenizer: str) -> None:
    """Tokens from 65,536 on are kept, and read by the loader, in four bytes."""
    large = HfTokenizer.from_file(tokenizer)
    large.add_special_tokens([f"<{n}>" for n in range(70_000)])
    path = tmp_path / "large.json"
    large.save(str(path))
    built = build(tmp_path / "c", documents(60), str(path))
    folder = tmp_path / "c" / built.manifest.id
    assert open_corpus(folder).vocab > 70_000
    [shard] = built.manifest.domains["a"].train.shards
    tokens = np.fromfile(folder / shard, "<u4")
    assert len(tokens) == built.manifest.domains["a"].train.tokens
    texts = {document.text for _, document in documents(60)}
    ends = np.flatnonzero(tokens == built.manifest.end_of_text)
    parts = [large.decode(part.tolist()) for part in np.split(tokens, ends + 1)[:-1]]
    assert len(parts) == train_texts(tmp_path / "c", built)
    assert set(parts) <= texts
    shape = shape_at(Recipe(), Scale(name="any", width=32, depth=1, flops=1e12), 70_000)
    batch = Loader(folder, Recipe().data, shape, 0).next()
    windows = np.lib.stride_tricks.sliding_window_view(tokens, batch.tokens.shape[1])
    assert (windows == batch.tokens[0]).all(1).any()


def test_a_failed_build_leaves_nothing(tmp_path: Path, tokenizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise OSError(os.strerror(5))

    monkeypatch.setattr("assay.corpus.build._publish", fails)
    with pytest.raises(OSError, match=os.strerror(5)):
        build(tmp_path / "c", documents(60), tokenizer)
    assert list((tmp_path / "c").iterdir()) == []
