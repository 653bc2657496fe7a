"""A disk that is really full: a small file system in memory. Needs the right to mount one."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .helpers import assay, content, ledger
from .test_corpus_add import web


class Disk:
    """A file system of a size that can be changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def resize(self, size: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", self.folder], check=True, capture_output=True)

    def free(self) -> int:
        state = os.statvfs(self.folder)
        return state.f_bavail * state.f_frsize

    def used(self) -> int:
        state = os.statvfs(self.folder)
        return (state.f_blocks - state.f_bfree) * state.f_frsize


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], check=True, capture_output=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        pytest.skip("no right to mount a small file system here")
    yield Disk(folder)
    subprocess.run(["umount", "-l", folder], check=True)


def test_full_during_init(disk: Disk, material: Path) -> None:
    words = ["--corpus", f"prose={material / 'prose'}", "--ladder", material / "ladder.toml"]
    disk.resize(200_000)
    done = assay("init", disk.folder / "lab", *words)
    assert done.code == 2
    assert "Traceback" not in done.err
    assert "disk full" in done.err.splitlines()[-1]
    assert "run the same command again" in done.err.splitlines()[-1]
    assert list(disk.folder.iterdir()) == []
    disk.resize(64_000_000)
    assert assay("init", disk.folder / "lab", *words).code == 0


@pytest.mark.parametrize("target", ["out.jsonl", "out"])
def test_full_during_a_step_on_bare_files(disk: Disk, tmp_path: Path, target: str) -> None:
    """Wherever it is that the disk is full, nothing is left of what was not complete, and all of what was there."""
    source = web(tmp_path / "web.jsonl", 300)
    assert assay("corpus", "dedup", source, disk.folder / target, "--method", "exact").code == 0
    before = content(disk.folder)
    used, failed = disk.used(), 0
    for more in range(0, 400_000, 50_000):
        disk.resize(used + more)
        done = assay("corpus", "dedup", source, disk.folder / target, "--method", "lines", "--overwrite", "--json")
        if done.code == 0:
            break
        failed += 1
        assert (done.code, done.out) == (2, "")
        assert "the disk is full" in done.err.splitlines()[-1]
        assert content(disk.folder) == before
    else:
        pytest.fail("it should fit in the end")
    assert failed > 1


def test_full_for_the_store_during_init(disk: Disk, material: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The corpus fits, but nothing after it."""
    from assay.corpus import build

    built = build.build_from

    def then_full(*arguments: object, **options: object) -> object:
        manifest = built(*arguments, **options)  # type: ignore[arg-type]
        disk.resize(disk.used() + 8192)
        return manifest

    monkeypatch.setattr(build, "build_from", then_full)
    words = ["--corpus", f"prose={material / 'prose'}", "--ladder", material / "ladder.toml"]
    done = assay("init", disk.folder / "lab", *words)
    assert done.code == 2
    assert "Traceback" not in done.err
    assert "the disk is full; free some space and run the same command again" in done.err.splitlines()[-1]
    assert list(disk.folder.iterdir()) == []


@pytest.mark.slow
def test_full_during_a_run_and_going_on_after_it(disk: Disk, fresh: Path) -> None:
    lab = disk.folder / "lab"
    shutil.copytree(fresh, lab)
    assert assay("run", lab, "--budget", "2runs").code == 0
    before = ledger(lab)
    disk.resize(disk.used() + 400_000)
    done = assay("run", lab, "--budget", "40runs")
    assert done.code == 2, (done.out, done.err)
    assert "Traceback" not in done.err
    [sentence] = done.err.splitlines()
    assert "free some" in sentence
    disk.resize(64_000_000)
    after = ledger(lab)
    assert after[: len(before)] == before
    assert assay("ledger", "verify", lab).code == 0
    # Nothing failed for lack of space: what was under way goes on.
    assert not [body for kind, body in after if kind == "result" and body["outcome"]["status"] == "failed"]
    again = assay("run", lab, "--budget", "4runs")
    assert again.code == 0, again.err
    assert len(ledger(lab)) > len(after)
    assert assay("ledger", "verify", lab).code == 0
