"""Every kind of bad input gets one sentence that names the place and says what was expected; nothing is left."""

import gzip
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from assay.corpus import shards
from assay.corpus.build import build_corpus
from assay.corpus.manifest import check_size, open_corpus
from assay.corpus.sources import Source, read_source
from assay.spec.errors import UserError

from .helpers import write_folder, write_jsonl

GOOD = json.dumps({"text": "a text"}).encode() + b"\n"


def _fails(location: Path | str, *expected: str) -> None:
    with pytest.raises(UserError) as caught:
        list(read_source(Source("domain", str(location))))
    message = str(caught.value)
    assert "\n" not in message
    for part in expected:
        assert part in message, message


def test_missing_path(tmp_path: Path) -> None:
    _fails(tmp_path / "nowhere", "nowhere: no such file or folder", ".jsonl.zst")


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.parquet", "a.jsonl.zst"])
def test_empty_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    _fails(tmp_path / name, f"{name}: the file is empty")


def test_blank_file_and_folders_without_text(tmp_path: Path) -> None:
    (tmp_path / "blank.txt").write_text(" \n\n")
    _fails(tmp_path / "blank.txt", "no text in it")
    folder = tmp_path / "folder"
    folder.mkdir()
    _fails(folder, "folder: no text in it", "'domain' would be empty")
    (folder / "picture.png").write_bytes(b"\x89PNG\0\0")
    (folder / ".hidden.txt").write_text("hidden")
    _fails(folder, "no text in it")


def test_unknown_extension_and_special_file(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(b"PK")
    _fails(tmp_path / "a.docx", "unknown extension '.docx'", "hf:ORG/NAME")
    _fails("/dev/null", "neither a file nor a folder")


def test_binary_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"words\0words")
    _fails(tmp_path / "a.txt", "a.txt: a binary file (byte 5 is zero)")


@pytest.mark.parametrize("place", [0, 17, 5_000, 20_000, 39_999])
def test_byte_that_is_not_utf8_is_located(tmp_path: Path, place: int) -> None:
    content = bytearray(b"some line\n" * 4000)
    content[place] = 0xFF
    (tmp_path / "a.txt").write_bytes(content)
    _fails(tmp_path / "a.txt", f"not UTF-8 text (byte {place})")


def test_not_utf8_in_a_folder_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("good")
    (tmp_path / "bad.md").write_bytes("Grüße".encode("latin-1"))
    _fails(tmp_path, "bad.md: not UTF-8 text (byte 2)")


@pytest.mark.parametrize("kind", ["jsonl", "jsonl.gz", "jsonl.zst"])
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"text": "x"', "broken JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'["text"]', "should be a JSON object"),
        (b'{"body": "x"}', "has no field 'text'"),
        (b'{"text": ""}', "has \"\" as its 'text'"),
        (b'{"text": 5}', "has 5 as its 'text'"),
        (b'{"text": "\\ud800"}', "surrogate"),
        (b'{"text": "\xff"}', "not UTF-8 text (byte N"),
    ],
)
def test_broken_line_is_named(tmp_path: Path, kind: str, line: bytes, expected: str) -> None:
    before = GOOD + b"\n" + GOOD
    content = before + line + b"\n" + GOOD
    expected = expected.replace("byte N", f"byte {len(before) + line.find(0xFF)}")
    path = tmp_path / f"a.{kind}"
    compress = {"jsonl": bytes, "jsonl.gz": gzip.compress, "jsonl.zst": zstandard.ZstdCompressor().compress}
    path.write_bytes(compress[kind](content))
    _fails(path, f"a.{kind}, line 4", expected)


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_compressed_file_that_was_cut_short_or_is_none(tmp_path: Path, kind: str) -> None:
    content = GOOD * 20 + json.dumps({"text": " ".join(str(n * n) for n in range(9000))}).encode() + b"\n"
    whole = gzip.compress(content) if kind == "gz" else zstandard.ZstdCompressor().compress(content)
    path = tmp_path / f"a.jsonl.{kind}"
    path.write_bytes(whole[: len(whole) // 2])
    _fails(path, "damaged or cut short")
    path.write_bytes(b"this was never compressed")
    _fails(path, "damaged or cut short")


def test_zstd_of_many_frames_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(b"".join(zstandard.ZstdCompressor().compress(GOOD) for _ in range(5)))
    assert len(list(read_source(Source("domain", str(path))))) == 5


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"content": ["x"], "id": ["1"]}), path)
    _fails(path, "no column 'text'", "content, id")
    pq.write_table(pa.table({"text": [1, 2]}), path)
    _fails(path, "should hold strings, but holds int64")
    pq.write_table(pa.table({"text": ["x"] * 300 + [None]}), path)
    _fails(path, "a.parquet, row 301", "'text'")
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), path)
    _fails(path, "no text in it")
    path.write_bytes(b"no parquet at all, just bytes")
    _fails(path, "not a readable Parquet file")


@pytest.mark.parametrize("name", ["", "Prose", "a b", "../x", "-a", "größe", "a" * 65, "a\n"])
def test_domain_name(name: str) -> None:
    with pytest.raises(UserError, match="a name should be lower-case letters"):
        Source(name, "./books")


def test_names_and_tokenizer(tmp_path: Path) -> None:
    folder = str(write_folder(tmp_path / "a"))
    with pytest.raises(UserError, match="'a' is given twice"):
        build_corpus(tmp_path / "c", [Source("a", folder), Source("a", folder)])
    with pytest.raises(UserError, match="at least one source"):
        build_corpus(tmp_path / "c", [])
    for name in ("word", "bpe:", "bpe:256", "bpe:65537", "bpe:-4", "bpe:4k"):
        with pytest.raises(UserError, match=re.escape(f"tokenizer '{name}' is not known")):
            build_corpus(tmp_path / "c", [Source("a", folder)], name)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["word " * 2000], "domain 'tiny' has no text beyond one source document"),
        (["word " * 2000] * 5, "domain 'tiny' has no text beyond one source document"),
        (["a few words", "some more words"], "domain 'tiny' has only"),
    ],
)
def test_domain_that_is_too_small(tmp_path: Path, texts: list[str], expected: str) -> None:
    big = write_folder(tmp_path / "big")
    tiny = write_jsonl(tmp_path / "tiny.jsonl", [{"text": text} for text in texts])
    with pytest.raises(UserError, match=expected):
        build_corpus(tmp_path / "c", [Source("big", str(big)), Source("tiny", str(tiny))])
    assert list((tmp_path / "c").iterdir()) == []


def test_domain_that_only_repeats_another(tmp_path: Path) -> None:
    folder = str(write_folder(tmp_path / "a"))
    with pytest.raises(UserError, match="domain 'b' has nothing left once exact duplicates are dropped"):
        build_corpus(tmp_path / "c", [Source("b", folder), Source("a", folder)])


def test_bad_source_leaves_nothing(tmp_path: Path) -> None:
    good = write_folder(tmp_path / "good")
    bad = write_jsonl(tmp_path / "bad.jsonl", [{"text": "x" * 5000}, {"nothing": 1}])
    with pytest.raises(UserError, match="line 2"):
        build_corpus(tmp_path / "c", [Source("a", str(good)), Source("b", str(bad))])
    assert list((tmp_path / "c").iterdir()) == []


def test_disk_full_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full, whose writes fail as on a full disk")
    monkeypatch.setattr(shards, "open_new", lambda path: Path("/dev/full").open("wb"))  # noqa: ARG005, SIM115
    folder = write_folder(tmp_path / "a")
    with pytest.raises(UserError, match="disk full while building the corpus"):
        build_corpus(tmp_path / "c", [Source("a", str(folder))])
    assert list((tmp_path / "c").iterdir()) == []


def test_folder_that_is_no_corpus_or_damaged(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no corpus here \(manifest.json is missing\)"):
        open_corpus(tmp_path)
    manifest = build_corpus(tmp_path / "c", [Source("a", str(write_folder(tmp_path / "a")))])
    folder = tmp_path / "c" / manifest.id
    whole = (folder / "manifest.json").read_text()

    (folder / "manifest.json").write_text(whole[:100])
    with pytest.raises(UserError, match=r"manifest\.json: damaged"):
        open_corpus(folder)
    (folder / "manifest.json").write_text(whole.replace('"vocab": 257', '"vocab": "many"'))
    with pytest.raises(UserError, match="key 'vocab' should be a whole number"):
        open_corpus(folder)
    (folder / "manifest.json").write_text(whole)
    shard = folder / manifest.domains["a"].train.shards[0]
    shard.write_bytes(shard.read_bytes()[:-2])
    with pytest.raises(UserError, match="the shards of domain 'a' hold"):
        open_corpus(folder)
    shard.unlink()
    with pytest.raises(UserError, match="this shard is missing"):
        open_corpus(folder)


def test_corpus_too_small_for_the_ladder(tmp_path: Path) -> None:
    manifest = build_corpus(tmp_path / "c", [Source("a", str(write_folder(tmp_path / "a")))])
    tokens = sum(manifest.train_tokens().values())
    check_size(manifest, 4 * tokens)
    with pytest.raises(UserError, match=f"too small for the ladder.* {4 * tokens + 1:,} tokens"):
        check_size(manifest, 4 * tokens + 1)
