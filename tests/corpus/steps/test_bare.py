"""A step over bare files: the same for any workers and files, bytes of unchanged lines, and nothing half done."""

import gzip
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import zstandard

from assay.corpus.steps import lines
from assay.corpus.steps.bare import run_bare
from assay.spec.errors import UserError

from .toy import ToyClean, ToyDedup


def _records(count: int = 200) -> list[dict[str, Any]]:
    """Every seventh text was there before, every fifth is spam, every third has a colour."""
    made = []
    for i in range(count):
        j = i - 7 if i % 7 == 0 and i else i
        text = f"text {j}: grün" + " spam" * (j % 5 == 0) + " colour" * (j % 3 == 0)
        made.append({"id": f"d{i}", "text": text, "meta": {"big": 10**30 + i, "x": 0.10}})
    return made


def _write(path: Path, records: list[dict[str, Any]]) -> bytes:
    # Not as any writer of ours would: odd spaces, escapes, blank lines, Windows line ends.
    made = [("  \n" if i % 50 == 3 else "") + json.dumps(r, indent=None, separators=(" ,", " : ")) + "\r\n"
            for i, r in enumerate(records)]  # fmt: skip
    content = "".join(made).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(content))
    else:
        path.write_bytes(zstandard.compress(content) if path.suffix == ".zst" else content)
    return content


def _read(path: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(content)
    return (
        zstandard.ZstdDecompressor().stream_reader(content, read_across_frames=True).read()
        if path.suffix == ".zst"
        else content
    )


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many batches of a few documents."""
    monkeypatch.setattr(lines, "BATCH_BYTES", 900)
    monkeypatch.setattr("assay.corpus.chunks.CHUNK", 700)


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.zst"])
@pytest.mark.parametrize("workers", [1, 3])
def test_kept_lines_are_the_very_bytes(tmp_path: Path, suffix: str, workers: int) -> None:
    records = _records()
    content = _write(tmp_path / f"in{suffix}", records)
    account = run_bare(ToyDedup(), tmp_path / f"in{suffix}", tmp_path / f"out{suffix}", workers=workers)
    seen: set[str] = set()
    expected = []
    for line in content.splitlines(keepends=True):
        if line.strip():
            text = json.loads(line)["text"]
            if text not in seen:
                expected.append(line)
            seen.add(text)
    assert _read(tmp_path / f"out{suffix}") == b"".join(expected)
    assert account.into.documents == len(records)
    assert account.into.bytes == sum(len(record["text"].encode()) for record in records)
    assert account.out.documents == len(expected)
    assert account.removed["exact"].documents == len(records) - len(expected)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"in{suffix}", f"out{suffix}"]


def _lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.rglob("*.zst")) for line in _read(path).splitlines()]


@pytest.mark.parametrize("files", [1, 2, 7])
@pytest.mark.parametrize("step", [ToyDedup(), ToyClean()])
def test_the_cut_into_files_changes_nothing(tmp_path: Path, files: int, step: ToyDedup | ToyClean) -> None:
    records = _records()
    _write(tmp_path / "whole" / "web.jsonl", records)
    for k in range(files):
        part = records[len(records) * k // files : len(records) * (k + 1) // files]
        _write(tmp_path / "cut" / f"web-{k}-of-{files}.jsonl.zst", part)
    one = run_bare(step, tmp_path / "whole", tmp_path / "a")
    many = run_bare(step, tmp_path / "cut", tmp_path / "b", workers=2)
    timeless = {"seconds": 0.0, "cpu_seconds": 0.0}
    assert one.model_copy(update=timeless) == many.model_copy(update=timeless)
    assert list(one.domains) == ["web"]
    for side in ("kept", "removed"):
        assert _lines(tmp_path / "a" / side) == _lines(tmp_path / "b" / side)
        assert len(list((tmp_path / "b" / side).iterdir())) == files
    roots = [json.loads((tmp_path / name / "manifest.json").read_text())["root"] for name in "ab"]
    assert roots[0] == roots[1]


def test_folder_of_a_step_keeps_removed_and_changed_documents(tmp_path: Path) -> None:
    records = _records(60)
    _write(tmp_path / "in.jsonl", records)
    account = run_bare(ToyClean(), tmp_path / "in.jsonl", tmp_path / "out")
    kept, removed = _lines(tmp_path / "out" / "kept"), _lines(tmp_path / "out" / "removed")
    assert kept == [{**r, "text": r["text"].replace("colour", "color")} for r in records if "spam" not in r["text"]]
    assert removed == [{**r, "removed_by": "spam", "detail": ""} for r in records if "spam" in r["text"]]
    changed = sum("spam" not in r["text"] and "colour" in r["text"] for r in records)
    said = account.model_dump(by_alias=True)
    assert said["changed"] == {"spelling.colour": {"documents": changed, "bytes": changed}}
    assert said["in"]["bytes"] - said["removed"]["spam"]["bytes"] - changed == said["out"]["bytes"]
    # A folder that a step wrote is an input too: of what is kept.
    again = run_bare(ToyDedup(), tmp_path / "out", tmp_path / "again")
    assert again.into == account.out
    assert list(again.domains) == ["in"]


def _fails(*expected: str, **options: Any) -> None:
    with pytest.raises(UserError) as caught:
        run_bare(ToyDedup(), **options)
    message = str(caught.value)
    assert "\n" not in message
    for part in expected:
        assert part in message, message


GOOD = b'{"id": "%d", "text": "words %d"}\n'


def _good(start: int, stop: int) -> bytes:
    return b"".join(GOOD % (i, i) for i in range(start, stop))


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("line", "kind", "expected"),
    [
        (b'{"text": "x"', "broken JSON", "line 101: broken JSON"),
        (b'{"text": ""}', "empty", "line 101: the record has"),
        (b'{"text": "\xff\xfe"}', "wrong encoding", "line 101: not UTF-8"),
        (b'{"body": "x"}', "no text", "line 101: the record has no field 'text'"),
        (b'{"id": "7", "text": "other words"}', "duplicate id", "line 101: the id '7' was given to another document"),
        (b'["x"]', "no record", "line 101: a record should be"),
        (b'{"text": "' + b"long " * 1000 + b'"}', "huge", "line 101: one document of"),
    ],
)
def test_bad_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: bytes, kind: str, expected: str, workers: int
) -> None:
    monkeypatch.setattr("assay.corpus.bad.LARGEST_DOCUMENT", 4000)
    monkeypatch.setattr("assay.corpus.steps.facts.LARGEST_DOCUMENT", 4000)
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(_good(0, 100) + line + b"\n" + _good(100, 200))
    _fails(f"in.jsonl, {expected}", source=source, target=target, workers=workers)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl"]
    account = run_bare(ToyDedup(), source, target, workers=workers, skip_bad=True)
    assert account.bad == {kind: 1}
    assert account.into.documents == 200
    assert target.read_bytes() == _good(0, 200)


def test_line_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE", 3000)
    monkeypatch.setattr("assay.corpus.bad.LARGEST_DOCUMENT", 1000)
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(_good(0, 100) + b"x" * 10_000 + b"\n" + _good(100, 150) + b"{broken\n" + _good(150, 200))
    _fails("in.jsonl, line 101: one document of", source=source, target=target)
    account = run_bare(ToyDedup(), source, target, skip_bad=True)
    assert account.bad == {"broken JSON": 1, "huge": 1}
    assert target.read_bytes() == _good(0, 200)
    source.write_bytes(_good(0, 100) + b"x" * 10_000 + b"\n{broken\n")
    _fails("line 101: one document", source=source, target=tmp_path / "other.jsonl")


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_cut_short(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / f"in.jsonl{suffix}", tmp_path / "out.jsonl"
    content = b"".join(GOOD % (i, i * i * 7919) for i in range(9000))
    whole = gzip.compress(content) if suffix == ".gz" else zstandard.compress(content)
    source.write_bytes(whole[: len(whole) * 2 // 3])
    _fails(f"in.jsonl{suffix}: damaged or cut short", source=source, target=target)
    assert not target.exists()
    account = run_bare(ToyDedup(), source, target, skip_bad=True)
    assert account.bad == {"cut short": 1}
    assert content.startswith(target.read_bytes())
    assert len(target.read_bytes()) > len(content) / 4


def test_same_text_under_one_id_is_a_duplicate(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(_good(0, 50) * 2)
    assert run_bare(ToyDedup(), tmp_path / "in.jsonl", tmp_path / "out.jsonl").out.documents == 50
    assert (tmp_path / "out.jsonl").read_bytes() == _good(0, 50)


def test_where_nothing_may_be_written(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(_good(0, 5))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("my thesis")
    _fails("this is the input too", source=source, target=source)
    _fails("no step wrote it", source=source, target=tmp_path / "mine")
    _fails("expected a name that ends in", source=source, target=tmp_path / "out.parquet")
    _fails("nowhere.jsonl: no such file", source=tmp_path / "nowhere.jsonl", target=tmp_path / "out.jsonl")
    _fails("no step wrote it", source=source, target=tmp_path / "mine", overwrite=True)
    _fails("this is the input too", source=source, target=source, overwrite=True)
    (tmp_path / "link.jsonl").symlink_to(source)
    _fails("this is the input too", source=source, target=tmp_path / "link.jsonl", overwrite=True)
    (tmp_path / "mine" / "lab.toml").touch()
    _fails("is a lab", source=tmp_path / "mine", target=tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "link.jsonl", "mine"]
    assert source.read_bytes() == _good(0, 5)


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.zst", "out"])
def test_a_result_is_replaced_only_if_asked(tmp_path: Path, name: str) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / name
    _write(source, _records(60))
    run_bare(ToyDedup(), source, target)
    before = _content(target)
    _fails(f"{name} exists", "--overwrite", source=source, target=target)
    assert _content(target) == before
    # What cannot be done leaves what was there, also where it may be replaced.
    (tmp_path / "broken.jsonl").write_bytes(b"{broken\n")
    _fails("broken JSON", source=tmp_path / "broken.jsonl", target=target, overwrite=True)
    assert _content(target) == before
    run_bare(ToyClean(), source, target, overwrite=True)
    run_bare(ToyClean(), source, tmp_path / f"fresh-{name}")
    times = {"manifest.json"}
    assert {k: v for k, v in _content(target).items() if k not in times} == {
        k.replace("fresh-", ""): v for k, v in _content(tmp_path / f"fresh-{name}").items() if k not in times
    }
    if target.is_dir():
        assert json.loads((target / "manifest.json").read_text())["step"] == "clean"
        _fails("is inside it", source=target / "kept", target=target, overwrite=True)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_nothing_left_is_a_whole_file_of_nothing(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "spam"}\n')
    target = tmp_path / f"OUT.JSONL{suffix.upper()}"
    assert run_bare(ToyClean(), tmp_path / "in.jsonl", target).out.documents == 0
    content = target.read_bytes()
    unpacked = gzip.decompress(content) if suffix == ".gz" else zstandard.ZstdDecompressor().decompress(content)
    assert (unpacked, len(content) > 0) == (b"", True)
    _fails("no text in it", source=target, target=tmp_path / "again")


def test_what_appears_in_the_meantime_is_not_replaced(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(_good(0, 5))

    class Late(ToyDedup):
        def report(self, plan: Any) -> dict[str, Any]:
            target.write_text("mine")
            return super().report(plan)

    with pytest.raises(UserError, match=r"out\.jsonl exists"):
        run_bare(Late(), source, target)
    assert target.read_text() == "mine"


def _content(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return {each.name if each == path else each.relative_to(path).as_posix(): each.read_bytes() for each in files}


SLOW = """
import sys, time
from pathlib import Path
from assay.corpus import chunks
from assay.corpus.steps import bare, lines
from tests.corpus.steps.toy import ToyClean
class Slow(ToyClean):
    def apply(self, batch, plan):
        time.sleep(0.02)
        return super().apply(batch, plan)
lines.BATCH_BYTES = chunks.CHUNK = 500
print("ready", flush=True)
bare.run_bare(Slow(), Path(sys.argv[1]), Path(sys.argv[2]), workers=2)
"""


@pytest.mark.slow
@pytest.mark.parametrize("target", ["out.jsonl", "out"])
def test_killed_it_leaves_nothing_under_the_final_name(tmp_path: Path, target: str) -> None:
    _write(tmp_path / "in.jsonl", _records(400))
    command = [sys.executable, "-c", SLOW, str(tmp_path / "in.jsonl"), str(tmp_path / target)]
    for wait in (0.05, 0.3):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3])
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(wait)
        assert process.poll() is None
        process.kill()
        process.wait()
        assert not (tmp_path / target).exists()
    run_bare(ToyClean(), tmp_path / "in.jsonl", tmp_path / target)
    # What the killed ones left is gone too.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", target]
