"""What a built folder holds, compared with the sources by other means; and what becomes of interrupted builds."""

import gzip
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from assay.corpus.build import build_corpus
from assay.corpus.manifest import open_corpus
from assay.corpus.sources import Source, read_source

from .helpers import files_of, rows, spans, stream, write_folder, write_jsonl


def test_tokens_provenance_and_spans(tmp_path: Path) -> None:
    prose = write_folder(tmp_path / "prose", 60)
    records = [
        {"id": f"r:{n // 3}#{n}", "text": f"record {n} " * 50, "source": "here", "license": "MIT"} for n in range(90)
    ]
    qa = write_jsonl(tmp_path / "qa.jsonl", records)
    sources = [Source("prose", str(prose)), Source("qa", str(qa))]
    manifest = build_corpus(tmp_path / "c", sources, span_bytes=4096, shard_bytes=20_000)
    folder = tmp_path / "c" / manifest.id
    assert open_corpus(folder) == manifest
    assert manifest.vocab == 257

    texts = {path.read_text(encoding="utf-8") for path in prose.iterdir()} | {record["text"] for record in records}
    by_hash = {hashlib.sha256(text.encode()).hexdigest(): text for text in texts}
    table = rows(folder)
    assert {row["hash"] for row in table} == set(by_hash)
    for row in table:
        text = by_hash[row["hash"]]
        assert row["bytes"] == len(text.encode())
        if row["split"] == "heldout":
            assert row["shard"] is row["offset"] is row["tokens"] is None
            continue
        tokens = (folder / row["shard"]).read_bytes()[2 * row["offset"] : 2 * (row["offset"] + row["tokens"])]
        assert tokens == b"".join(byte.to_bytes(2, "little") for byte in (*text.encode(), 256))
    assert {(row["source"], row["licence"]) for row in table if row["domain"] == "qa"} == {("here", "MIT")}
    assert {row["id"] for row in table if row["domain"] == "prose"} == {path.name for path in prose.iterdir()}

    for name, domain in manifest.domains.items():
        train = [row for row in table if (row["domain"], row["split"]) == (name, "train")]
        heldout = [row for row in table if (row["domain"], row["split"]) == (name, "heldout")]
        assert domain.train.documents == len(train)
        assert domain.train.bytes == sum(row["bytes"] for row in train)
        assert domain.train.tokens == len(stream(folder, name)) == manifest.train_tokens()[name]
        assert domain.heldout.documents == len(heldout)
        assert domain.heldout.bytes == sum(row["bytes"] for row in heldout)
        assert len(domain.train.shards) > 1
        assert all((folder / shard).stat().st_size <= 20_000 for shard in domain.train.shards)
        chosen = [span for span in spans(folder) if span["domain"] == name]
        assert sum(span["end"] - span["start"] for span in chosen) == min(4096, domain.heldout.bytes)
        for span in chosen:
            assert span["document"] in {row["hash"] for row in heldout}
            assert by_hash[span["document"]].encode()[span["start"] : span["end"]] == span["text"].encode()


def test_same_input_is_built_once(tmp_path: Path) -> None:
    sources = [Source("a", str(write_folder(tmp_path / "a")))]
    manifest = build_corpus(tmp_path / "c", sources)
    folder = tmp_path / "c" / manifest.id
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert build_corpus(tmp_path / "c", sources) == manifest
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert [path.name for path in (tmp_path / "c").iterdir()] == [manifest.id]


def test_place_and_names_of_files_decide_no_tokens(tmp_path: Path) -> None:
    one = write_folder(tmp_path / "a")
    other = tmp_path / "elsewhere" / "deep"
    other.mkdir(parents=True)
    for number, path in enumerate(sorted(one.iterdir(), reverse=True)):
        (other / str(number % 7)).mkdir(exist_ok=True)
        shutil.copy(path, other / str(number % 7) / f"{number}.md")
    first = build_corpus(tmp_path / "c", [Source("x", str(one))])
    second = build_corpus(tmp_path / "d", [Source("x", str(other))])
    assert first == second
    a, b = (files_of(tmp_path / part / first.id) for part in "cd")
    assert {name for name in a if a[name] != b[name]} == {"documents.parquet"}


def test_anything_that_decides_tokens_or_spans_changes_the_id(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a")
    ids = {build_corpus(tmp_path / "c", [Source("x", str(folder))]).id}
    ids.add(build_corpus(tmp_path / "c", [Source("y", str(folder))]).id)
    ids.add(build_corpus(tmp_path / "c", [Source("x", str(folder))], span_bytes=1024).id)
    (folder / "file-000.txt").write_text("another text")
    ids.add(build_corpus(tmp_path / "c", [Source("x", str(folder))]).id)
    assert len(ids) == 4


def test_all_record_formats_agree(tmp_path: Path) -> None:
    records = [{"text": f"größe {n} " * 30, "id": f"a/b#{n}", "source": "s", "licence": "CC0-1.0"} for n in range(300)]
    plain = write_jsonl(tmp_path / "a.jsonl", records)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(plain.read_bytes()))
    (tmp_path / "c.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(plain.read_bytes()))
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "d.parquet")
    (tmp_path / "folder").mkdir()
    shutil.copy(plain, tmp_path / "folder")
    read = [list(read_source(Source("x", str(path)))) for path in sorted(tmp_path.iterdir())]
    assert len(read) == 5
    assert [document.text for document in read[0]] == [record["text"] for record in records]
    assert all(other == read[0] for other in read)
    assert len({document.group for document in read[0]}) == 1


def test_lines_longer_than_a_chunk_and_byte_order_marks(tmp_path: Path) -> None:
    long = {"text": "long " * 700_000}
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"text": "first"}).encode() + b"\r\n" + json.dumps(long).encode())
    assert [document.text for document in read_source(Source("x", str(path)))] == ["first", long["text"]]
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfhello")
    assert [document.text for document in read_source(Source("x", str(tmp_path / "a.txt")))] == ["hello"]


def test_a_single_text_file_is_a_domain(tmp_path: Path) -> None:
    """Its parts put together are the file; a book or tinyshakespeare's input.txt works as it is."""
    text = "".join(f"Speaker {n}:\nSo say I, größer, {n} times.\n\n" for n in range(4000))
    (tmp_path / "input.txt").write_text(text, encoding="utf-8")
    parts = list(read_source(Source("play", str(tmp_path / "input.txt"))))
    assert "".join(part.text for part in parts) == text
    assert all(part.text.endswith("\n\n") for part in parts)
    manifest = build_corpus(tmp_path / "c", [Source("play", str(tmp_path / "input.txt"))])
    domain = manifest.domains["play"]
    assert domain.train.bytes + domain.heldout.bytes == len(text.encode())


def test_folder_takes_text_and_passes_over_the_rest(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "Makefile").write_text("all:\n")
    (tmp_path / "a.md").write_text("words")
    (tmp_path / "late.bin").write_bytes(b"text at first\n" * 1000 + b"\xff\xfe")
    (tmp_path / "image").write_bytes(b"\x89PNG\0")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("hidden")
    assert {document.id for document in read_source(Source("x", str(tmp_path)))} == {"a.md", "sub/Makefile"}


KILLED = """
import os, signal, sys
from pathlib import Path
from assay.corpus.build import build_corpus
from assay.corpus.sources import Source

def progress(done, total, message):
    if message.startswith(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

build_corpus(Path(sys.argv[1]), [Source("a", sys.argv[2])], progress=progress)
"""


@pytest.mark.parametrize("moment", ["reading", "tokenising", "written"])
def test_killed_build_leaves_no_corpus_and_is_cleaned_up(tmp_path: Path, moment: str) -> None:
    source = write_folder(tmp_path / "a")
    command = [sys.executable, "-c", KILLED, str(tmp_path / "c"), str(source), moment]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    left = list((tmp_path / "c").glob(".tmp-*"))
    assert len(left) == 1
    assert not list((tmp_path / "c").glob("[!.]*"))
    assert left[0].name.startswith(".tmp-")
    alive = tmp_path / "c" / left[0].name.replace(left[0].name.split("-")[-2], str(os.getpid()))
    alive.mkdir()  # a build that is still going on is left alone
    manifest = build_corpus(tmp_path / "c", [Source("a", str(source))])
    assert {path.name for path in (tmp_path / "c").iterdir()} == {manifest.id, alive.name}
    undisturbed = build_corpus(tmp_path / "d", [Source("a", str(source))])
    assert files_of(tmp_path / "c" / manifest.id) == files_of(tmp_path / "d" / undisturbed.id)


@pytest.mark.parametrize(
    ("tokenizer", "corpus", "content"),
    [
        ("bytes", "26325b1740a2749e", "93be7cf4d1a9fdaf65afd59617ee69c3237c79e55190a7b2d3ab71fa7ea33734"),
        ("bpe:500", "5051fe31d43b30e5", "575f3a0a5a50fec51af43fcd57bf21a6e0bf9f0c9c2c8b940abf265ad2b20730"),
    ],
)
def test_what_was_built_before_is_built_now(tmp_path: Path, tokenizer: str, corpus: str, content: str) -> None:
    """Ids and files of the first release's way of building, which trained and encoded with `tokenizers` alone."""
    sources = [
        Source("a", str(write_folder(tmp_path / "a", 60, "alpha"))),
        Source("b", str(write_folder(tmp_path / "b", 45, "beta", 300))),
    ]
    options = {"vault": tmp_path / "v", "span_bytes": 4096, "shard_bytes": 20_000}
    assert build_corpus(tmp_path / "c", sources, tokenizer, **options).id == corpus  # type: ignore[arg-type]
    whole = hashlib.sha256()
    for name, data in files_of(tmp_path / "c" / corpus).items():
        if name not in ("documents.parquet", "manifest.json"):
            whole.update(name.encode() + data)
    assert whole.hexdigest() == content


def test_damaged_corpus_is_built_again(tmp_path: Path) -> None:
    source = [Source("a", str(write_folder(tmp_path / "a")))]
    manifest = build_corpus(tmp_path / "c", source)
    folder = tmp_path / "c" / manifest.id
    whole = files_of(folder)
    (folder / "train" / "a-00000.bin").write_bytes(b"")
    build_corpus(tmp_path / "c", source)
    assert files_of(folder) == whole


def test_progress_counts_to_the_end(tmp_path: Path) -> None:
    seen: list[tuple[int, int | None, str]] = []
    sources = [Source("a", str(write_folder(tmp_path / "a")))]
    manifest = build_corpus(tmp_path / "c", sources, progress=lambda *call: seen.append(call))
    train = manifest.domains["a"].train.bytes
    assert seen[0] == (0, None, "reading a")
    assert seen[-1] == (train, train, "written")
