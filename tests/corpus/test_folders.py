"""Which files of a folder are read: text, source code and records; all others are counted and named."""

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.corpus.documents import Source
from assay.corpus.ingest.add import Intake, add
from assay.corpus.sources import read_source
from assay.corpus.steps.account import Account
from assay.corpus.steps.bare import run_bare
from assay.spec.errors import UserError

from .steps.toy import ToyDedup

TEXTS = {
    "a.md": "some notes", "b.txt": "more text", "Makefile": "all:\n\ttrue\n", "LICENSE-2.0": "You may do this.",
    "src/a.py": "print(1)\n", "src/b.rs": "fn main() {}\n", "src/c.cpp": "int main() {}\n", "src/d.f90": "end\n",
    "src/CMakeLists.txt": "project(x)\n", "src/e.ipp.in": "configured\n", "src/f.toml": "[a]\nb = 1\n",
}  # fmt: skip
RECORDS = {"r.jsonl": b'{"text": "a record"}\n', "deep/r.jsonl": b'{"text": "another record"}\n'}
OTHERS = {
    "x.bin": b"\x00\x01", "x.json": b'[{"text": "x"}]', "y.JSON": b'{"text": "x"}', "x.csv": b"text\nx\n",
    "x.pdf": b"%PDF-1.4 letters", "y.png": b"\x89PNG\r\n", "z.txt.gz": b"\x1f\x8b", "report": b"%PDF-1.4 letters",
    "core": b"\x7fELF\0", "empty.txt": b"", "src/__init__.py": b"", "blank.md": b" \n\t\n", "none.jsonl": b"",
}  # fmt: skip
KINDS = {
    ".bin": {"x.bin"}, ".json": {"x.json", "y.JSON"}, ".csv": {"x.csv"}, ".pdf": {"x.pdf"}, ".png": {"y.png"},
    ".gz": {"z.txt.gz"}, "not text": {"report", "core"},
    "empty": {"empty.txt", "src/__init__.py", "blank.md", "none.jsonl"},
    "link to a folder": {"linked"}, "no regular file": {"dangling", "pipe"},
}  # fmt: skip


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A folder of everything."""
    folder = tmp_path / "in"
    for name, content in {**{k: v.encode() for k, v in TEXTS.items()}, **RECORDS, **OTHERS}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("hidden")
    (folder / "linked").symlink_to(tmp_path, target_is_directory=True)
    (folder / "dangling").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder / "pipe")
    return folder


def _named(account: Account) -> dict[str, set[str]]:
    assert all(found.files == len(found.names) for found in account.other_files.values())
    return {kind: set(found.names) for kind, found in account.other_files.items()}


@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_step_reads_text_and_names_the_rest(mixed: Path, tmp_path: Path, skip_bad: bool) -> None:
    account = run_bare(ToyDedup(), mixed, tmp_path / "out.jsonl", skip_bad=skip_bad, workers=2)
    assert account.into.documents == len(TEXTS) + len(RECORDS)
    assert account.bad == {}
    assert _named(account) == KINDS


def test_so_do_add_and_a_corpus(mixed: Path, tmp_path: Path) -> None:
    account, _ = add(tmp_path, Intake((Source("all", str(mixed)),)))
    assert _named(account) == KINDS
    assert account.into.bytes == sum(map(len, TEXTS.values())) + len("a record") + len("another record")
    read = {document.text for document in read_source(Source("all", str(mixed)))}
    assert read == {*TEXTS.values(), "a record", "another record"}


def test_only_the_first_few_are_named(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(20):
        (tmp_path / "in" / f"{number:02}.png").write_bytes(b"\x89PNG")
    with pytest.raises(UserError, match=r"in: no text in it; passed over: 20 \.png \(00\.png, …\)"):
        run_bare(ToyDedup(), tmp_path / "in", tmp_path / "out.jsonl")
    (tmp_path / "in" / "a.txt").write_text("words")
    account = run_bare(ToyDedup(), tmp_path / "in", tmp_path / "out.jsonl")
    assert account.other_files[".png"].files == 20
    assert account.other_files[".png"].names == ("00.png", "01.png", "02.png", "03.png", "04.png")


@pytest.mark.parametrize(
    ("name", "content", "expected", "kind"),
    [
        ("a.txt", b"%PDF-1.7 all letters", "a.txt: PDF, not plain text", "binary"),
        ("a.md", b"words\0", "a.md: a binary file (byte 5 is zero)", "binary"),
        ("a.py", "grün".encode("latin-1"), "a.py: not UTF-8 text (byte 2)", "wrong encoding"),
        ("a.txt", "grün".encode("utf-16"), "a.txt: UTF-16 text", "wrong encoding"),
    ],
)
def test_a_file_that_is_not_the_text_it_is_called(
    tmp_path: Path, name: str, content: bytes, expected: str, kind: str
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "good.txt").write_text("good words")
    (folder / name).write_bytes(content)
    for source in (folder, folder / name):
        with pytest.raises(UserError) as caught:
            run_bare(ToyDedup(), source, tmp_path / "out.jsonl")
        assert expected in str(caught.value)
    account = run_bare(ToyDedup(), folder, tmp_path / "out.jsonl", skip_bad=True)
    assert (account.bad, account.into.documents) == ({kind: 1}, 1)


def _parquet(path: Path, columns: dict[str, Any] | pa.Table) -> None:
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), path)


def test_a_table_that_cannot_be_read_does_not_stop_the_folder(tmp_path: Path) -> None:
    """No text, text of another kind, two columns of one name, cut short, damaged inside, a row that is not UTF-8."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "good.jsonl").write_text('{"text": "good words"}\n')
    _parquet(folder / "a-none.parquet", {"content": ["x"]})
    _parquet(folder / "b-number.parquet", {"text": [1, 2]})
    _parquet(folder / "c-twice.parquet", pa.table([pa.array(["a"]), pa.array(["b"])], names=["text", "text"]))
    _parquet(folder / "d-cut.parquet", {"text": ["words"]})
    whole = (folder / "d-cut.parquet").read_bytes()
    (folder / "d-cut.parquet").write_bytes(whole[:-20])
    _parquet(folder / "e-damaged.parquet", {"text": [f"words {i} of {i * i}" for i in range(5000)]})
    damaged = bytearray((folder / "e-damaged.parquet").read_bytes())
    damaged[2000:2100] = bytes(100)
    (folder / "e-damaged.parquet").write_bytes(damaged)
    offsets = pa.array([0, 2, 5, 8], pa.int32()).buffers()[1]
    _parquet(
        folder / "f-latin.parquet",
        {"text": pa.Array.from_buffers(pa.string(), 3, [None, offsets, pa.py_buffer(b"ok\xff\xfeathe")])},
    )
    expected = {
        "a-none": "no column 'text'; its columns are: content", "b-number": "should hold strings, but holds int64",
        "c-twice": "several columns have one name", "d-cut": "not a readable Parquet file",
        "e-damaged": "not a readable Parquet file", "f-latin": "row 2: not UTF-8 text",
    }  # fmt: skip
    for name, message in expected.items():
        with pytest.raises(UserError) as caught:
            run_bare(ToyDedup(), folder / f"{name}.parquet", tmp_path / "out.jsonl")
        assert message in str(caught.value)
        with pytest.raises(UserError) as caught:
            list(read_source(Source("x", str(folder / f"{name}.parquet"))))
        assert message in str(caught.value)
    account = run_bare(ToyDedup(), folder, tmp_path / "out.jsonl", skip_bad=True)
    assert account.bad == {"no text": 2, "damaged": 3, "wrong encoding": 1}
    rows = (tmp_path / "out.jsonl").read_text()
    assert "good words" in rows
    assert '"the"' in rows, "what follows a row that cannot be read is read"


def test_records_without_ids_are_named_after_their_place_in_the_folder(tmp_path: Path) -> None:
    for part in ("one", "two"):
        (tmp_path / "in" / part).mkdir(parents=True)
        (tmp_path / "in" / part / "data-0.jsonl").write_text(f'{{"text": "words of {part}"}}\n')
    add(tmp_path, Intake((Source("all", str(tmp_path / "in")),)))
    table = pq.read_table(next((tmp_path / "text").glob("*/kept/*.parquet")))
    assert table["id"].to_pylist() == ["one/data-0.jsonl:1", "two/data-0.jsonl:1"]


def test_names_that_are_no_text(tmp_path: Path) -> None:
    """Spaces, line ends, and bytes that are not UTF-8."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "two words.txt").write_text("one")
    (folder / "two\nlines.txt").write_text("two")
    try:
        Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.txt")).write_text("three")
        Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.png")).write_text("")
    except OSError:
        pytest.skip("this file system takes no such names")
    account = run_bare(ToyDedup(), folder, tmp_path / "out")
    assert account.out.documents == 3
    assert account.other_files["empty"].names == ("caf?.png",)
