"""Who can read the vault: really tried, by hostile trainings that are started as any other."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from assay.execution import confinement as module
from assay.execution.confinement import WAYS, Confinement, Way, find_confinement
from assay.execution.folder import read_result
from assay.execution.local import LocalExecutor
from tests.execution.helpers import collect, make_order

SECRET = "a sealed sentence that nobody may train on"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="no way to confine is known beyond Linux")


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A folder with a vault, in which one sentence is sealed, and the text that it is from."""
    for secret in ("vault", "text"):
        folder = tmp_path / "lab" / secret / "corpus"
        folder.mkdir(parents=True, mode=0o700)
        (folder / "part-0.jsonl").write_text(SECRET)
    (tmp_path / "lab" / "lab.toml").write_text("as it was")
    (tmp_path / "lab" / "runs").mkdir()
    return tmp_path / "lab"


def confined(lab: Path, *ways: Way) -> Confinement:
    """The best of some ways; skips the test where none of them works on this machine."""
    found = find_confinement(lab / "vault", ways or WAYS)
    if found.way == "none":
        pytest.skip(f"this machine lets assay confine nothing: {found.reason}")
    return found


def trainer(lab: Path, body: str) -> tuple[str, ...]:
    """An external trainer that writes what it found to `found` in its run's folder, and leaves a diverged result."""
    script = lab.parent / "trainer.py"
    script.write_text(
        "import ctypes, glob, json, os, pathlib, subprocess, sys\n"
        "run = pathlib.Path(sys.argv[1]); folder = run.parent\n"
        f"lab = {str(lab)!r}; vault = lab + '/vault/corpus/part-0.jsonl'\n"
        "found = []\n"
        "def attempt(way):\n"
        "    try:\n"
        "        found.append(str(way()))\n"
        "    except Exception as error:\n"
        "        found.append(type(error).__name__)\n"
        f"{body}\n"
        "(folder / 'found').write_text(json.dumps(found))\n"
        "result = {'status': 'diverged', 'steps': 1, 'tokens': 1, 'flops': 1.0, 'half_loss': 2.5}\n"
        "(folder / 'result.json').write_text(json.dumps(result))\n"
    )
    return (sys.executable, str(script), "{run}")


def train(lab: Path, confinement: Confinement | None, body: str, **options: bool) -> list[str]:
    """What an external trainer found, run through the executor as in a campaign."""
    executor = LocalExecutor(1, {"docs": 1.0}, confinement=confinement, **options)
    order = make_order(command=trainer(lab, body))
    folder = lab / "runs" / order.run_hash
    try:
        executor.submit(order, folder)
        [(_, outcome)] = collect(executor, 1)
        assert outcome.status == "diverged", outcome
    finally:
        executor.close()
    assert read_result(folder) is not None
    return json.loads((folder / "found").read_text())


READ = """
attempt(lambda: open(vault).read())
attempt(lambda: [open(p).read() for p in glob.glob(lab + '/vault/**', recursive=True) if os.path.isfile(p)])
attempt(lambda: os.listdir(lab + '/vault'))
attempt(lambda: (os.symlink(lab + '/vault', folder / 'link'), open(folder / 'link/corpus/part-0.jsonl').read()))
attempt(lambda: [open(r + vault).read() for r in glob.glob('/proc/[0-9]*/root') if os.path.exists(r + vault)])
attempt(lambda: [open(r + vault).read() for r in glob.glob('/proc/[0-9]*/task/*/root') if os.path.exists(r + vault)])
attempt(lambda: open('/proc/%d/root%s' % (os.getppid(), vault)).read())
attempt(lambda: (os.chmod(lab + '/vault', 0o777), os.chmod(vault, 0o666), open(vault).read()))
attempt(lambda: (ctypes.CDLL(None).umount2((lab + '/vault').encode(), 2), open(vault).read()))
attempt(lambda: (ctypes.CDLL(None).setns(os.open('/proc/1/ns/mnt', 0), 0), open(vault).read()))
attempt(lambda: (os.setuid(0), open(vault).read()))
attempt(lambda: os.link(vault, folder / 'hard') or open(folder / 'hard').read())
attempt(lambda: subprocess.run(['cat', vault], capture_output=True, text=True).stdout)
attempt(lambda: subprocess.run(['unshare', '-Urm', 'sh', '-c', 'umount -l ' + lab + '/vault; cat ' + vault],
                               capture_output=True, text=True).stdout)
attempt(lambda: subprocess.run(['sudo', '-n', 'cat', vault], capture_output=True, text=True).stdout)
"""


def test_the_hostile_trainer_reads_the_vault_where_nothing_stops_it(lab: Path) -> None:
    """Or the tests below would prove nothing."""
    found = train(lab, None, READ)
    assert sum(SECRET in text for text in found) >= 6


@pytest.mark.parametrize("secret", ["vault", "text"])
@pytest.mark.parametrize("way", ["namespaces", "bubblewrap", "user"])
def test_no_external_trainer_reads_the_vault_or_the_text(lab: Path, way: Way, secret: str) -> None:
    confinement = confined(lab, way)
    assert confinement.way == way
    place = f"vault = lab + '/{secret}/corpus/part-0.jsonl'\n"
    found = train(lab, confinement, place + READ.replace("/vault", f"/{secret}"))
    assert [text for text in found if SECRET in text or "part-0" in text] == []


def test_spawned_processes_are_confined_too(lab: Path) -> None:
    confinement = confined(lab)
    assert [text for text in train(lab, confinement, READ, fork=False) if SECRET in text] == []


def test_a_run_of_another_lab_is_no_way_round(lab: Path, tmp_path: Path) -> None:
    """It sees this vault, which only its own lab's is covered for; so it must not be open to others."""
    confinement = confined(lab, "namespaces")
    (tmp_path / "other" / "vault").mkdir(parents=True)
    (tmp_path / "other" / "runs").mkdir()
    command = Confinement("namespaces", str(tmp_path / "other" / "vault")).command("code", "-q")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdin.write(f"print(open({str(lab / 'vault/corpus/part-0.jsonl')!r}).read(), flush=True)\n")
        other.stdin.flush()
        assert SECRET in other.stdout.readline()
        found = train(lab, confinement, READ)
        other.stdin.close()
    assert [text for text in found if SECRET in text] == []


def test_a_training_cannot_change_what_judges_it(lab: Path) -> None:
    confinement = confined(lab, "namespaces", "bubblewrap")
    found = train(
        lab, confinement,
        "attempt(lambda: open(lab + '/lab.toml', 'w').write('changed'))\n"
        "attempt(lambda: open(lab + '/new', 'w').write('new'))\n"
        "import assay.evaluation.vault as judge\n"
        "attempt(lambda: open(judge.__file__, 'a').write('# changed'))\n",
    )  # fmt: skip
    assert found == ["OSError"] * 3
    assert (lab / "lab.toml").read_text() == "as it was"


def test_the_owner_reads_what_runs_cannot(lab: Path) -> None:
    """A process beside the runs, as the evaluator is: it sees the vault before, during and after them."""
    confined(lab)
    path = lab / "vault" / "corpus" / "part-0.jsonl"
    assert subprocess.run(["cat", str(path)], capture_output=True, text=True, check=True).stdout == SECRET


def test_a_folder_mounted_twice_is_covered_twice(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = str(lab / "vault")
    text = Path("/proc/self/mountinfo").read_text()
    mounts = [line.split(" ") for line in text.splitlines()]
    real = max((m for m in mounts if f"{vault}/".startswith(m[4].rstrip("/") + "/")), key=lambda m: len(m[4]))
    alias = lab.parent / "alias"
    alias.symlink_to(lab)  # stands for a second mount of the lab's folder, which needs a privilege to make
    inner = str(Path(real[3], os.path.relpath(lab, real[4])))
    line = " ".join(["999", "1", real[2], inner, str(alias), *real[5:]])
    read_text = Path.read_text

    def told(path: Path, *arguments: str, **options: str) -> str:
        found = read_text(path, *arguments, **options)
        return f"{found}{line}\n" if str(path) == "/proc/self/mountinfo" else found

    monkeypatch.setattr(Path, "read_text", told)
    assert module.hidden(vault) == sorted([vault, f"{alias}/vault"])


def test_where_no_way_works_it_is_advisory_and_says_why(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    found = find_confinement(lab / "vault", ("bubblewrap",))
    assert (found.mechanism, found.way) == ("advisory", "none")
    assert "bwrap is not installed" in found.reason


@pytest.mark.parametrize("broken", ["_cover", "_drop_privileges"])
def test_a_lock_that_does_not_lock_is_found_out(
    lab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """The mutation check: leave out the cover, or keep the privileges, and the self-test says that it can be read."""
    confined(lab, "namespaces")
    code = tmp_path / "broken"
    code.mkdir()
    source = Path(module.__file__).with_name("confined.py").read_text(encoding="utf-8")
    assert f"def {broken}(" in source
    mutant = code / "mutant.py"
    start = 'if __name__ == "__main__":'
    assert start in source
    mutant.write_text(source.replace(start, f"{broken} = lambda *_, **__: None\n{start}"), encoding="utf-8")
    original = Confinement.command
    monkeypatch.setattr(
        Confinement, "command",
        lambda self, *words: [str(mutant) if word == "assay.execution.confined" else word
                              for word in original(self, *words) if word != "-m" or self.way == "none"],
    )  # fmt: skip
    found = find_confinement(lab / "vault", ("namespaces",))
    if broken == "_drop_privileges" and os.geteuid() != 0:
        pytest.skip("an ordinary user has no privileges beyond those of its own namespace")
    assert found.way == "none"
    assert "the vault could be read" in found.reason


def test_confined_and_free_runs_are_the_same_processes(lab: Path) -> None:
    """Started by the same command but for the module in front, in the same process: nothing to slow a run down."""
    confinement = Confinement("namespaces", str(lab / "vault"))
    words = confinement.command("assay.execution.zygote", "a", "b")
    assert words[:4] == [sys.executable, "-P", "-m", "assay.execution.confined"]
    assert words[-3:] == ["assay.execution.zygote", "a", "b"]
