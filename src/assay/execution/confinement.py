"""Keeps the vault out of reach of the processes that train and propose, and finds out whether that works here.

The lab's text (`text/`) is kept from them in the same way, since the documents that were sealed are in it too.

Ways, best first, of which the first that passes its own test is used:

- *namespaces*: the process gives itself a mount namespace (as an ordinary user, inside a user namespace) in which the
  vault is covered by an empty folder and what decides (the lab but for its runs, assay, Python) can only be read; then
  it drops every privilege with which that could be undone. It stays the same process, so signals, pipes and death
  signals work as before, and runs cost nothing more.
- *bubblewrap*: the same, by `bwrap`, where the system lets only that program make namespaces.
- *user*: where assay runs as root, runs happen as `nobody`, who may not enter the vault.

Where none works, verdicts are advisory. The test starts a process exactly as trainings are started and has it try to
read a canary in the vault (`assay.execution.probe`); it counts only if the same attempts succeed without confinement.
"""

import json
import os
import secrets
import shutil
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import assay
from assay.corpus.editions.edition import TEXT
from assay.corpus.private import write_private

Way = Literal["namespaces", "bubblewrap", "user", "none"]
Mechanism = Literal["sandbox", "user", "advisory"]

WAYS: tuple[Way, ...] = ("namespaces", "bubblewrap", "user")
#: Privileges that a confined root keeps: to read and write other users' files, which the cover is not made of.
KEPT = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SYS_NICE")
NOBODY = 65534
CANARY = "canary"
_PROBE_SECONDS = 30.0


@dataclass(frozen=True)
class Confinement:
    """How processes of runs are kept out of a vault.

    Attributes:
        way: by what.
        vault: the folder that they shall not read; it is in the lab's folder.
        reason: why nothing better works here; '' for the best.
    """

    way: Way
    vault: str
    reason: str = ""

    @property
    def mechanism(self) -> Mechanism:
        """What certificates call it."""
        return {"user": "user", "none": "advisory"}.get(self.way, "sandbox")  # pyright: ignore[reportReturnType]

    @property
    def lab(self) -> Path:
        return Path(self.vault).parent

    @property
    def secrets(self) -> tuple[str, ...]:
        """The folders that runs shall not read, of those that there are."""
        return tuple(path for path in (self.vault, str(self.lab / TEXT)) if Path(path).is_dir())

    def command(self, module: str, *arguments: str) -> list[str]:
        """The command line that runs a module of assay confined."""
        python = [sys.executable, "-P", "-m"]
        if self.way == "none":
            return [*python, module, *arguments]
        if self.way == "bubblewrap":
            return [*self._bubblewrap(), "--", *python, module, *arguments]
        return [*python, "assay.execution.confined", json.dumps(asdict(self)), module, *arguments]

    def hand_over(self, folder: Path) -> None:
        """Let a run's process write to its folder, where that process is another user."""
        if self.way == "user":
            for path in (folder, *folder.rglob("*")):
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)

    def _bubblewrap(self) -> list[str]:
        words = [shutil.which("bwrap") or "bwrap", "--dev-bind", "/", "/"]
        for path in read_only(self.lab):
            words += ["--ro-bind", path, path]
        words += ["--bind", str(self.lab / "runs"), str(self.lab / "runs")]
        for path in (path for secret in self.secrets for path in hidden(secret)):
            words += ["--tmpfs", path]
        for path in block_devices():
            words += ["--dev-bind", "/dev/null", path]
        # In a user namespace of its own, or the vault would be seen through bwrap's own process, which stays outside.
        return [*words, "--unshare-user", "--cap-drop", "ALL"]


#: For runs beside no vault.
UNCONFINED = Confinement("none", "", "there is no vault")


def read_only(lab: Path) -> list[str]:
    """What decides how runs are judged, and settings of the kernel: trainings may read all of it and write none."""
    code = (Path(assay.__file__).parent, Path(sys.prefix), Path(sysconfig.get_path("stdlib")))
    found = [str(path.resolve()) for path in (*code, lab)]
    return [*found, "/proc/sys", "/sys"] if os.geteuid() == 0 else found


def hidden(secret: str) -> list[str]:
    """Every path at which a folder can be seen, where its file system is mounted at several places."""
    mounts: list[tuple[str, str, str]] = []  # device, root in the file system, place
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        fields = [field.encode().decode("unicode_escape") for field in line.split(" ")[:5]]
        mounts.append((fields[2], fields[3], fields[4]))
    device, root, place = max((m for m in mounts if _inside(secret, m[2])), key=lambda mount: len(mount[2]))
    inner = str(Path(root, os.path.relpath(secret, place)))
    paths = {secret}
    for other, other_root, other_place in mounts:
        if other == device and _inside(inner, other_root):
            path = Path(other_place, os.path.relpath(inner, other_root))
            if path.exists() and path.samefile(secret):
                paths.add(str(path))
    return sorted(paths)


def _inside(path: str, folder: str) -> bool:
    return os.path.commonpath([path, folder]) == folder


def block_devices() -> list[str]:
    """Disks that this user could read past the file system."""
    return [
        path
        for folder, _, names in os.walk("/dev")
        for path in (f"{folder}/{name}" for name in names)
        if stat.S_ISBLK(os.lstat(path).st_mode) and os.access(path, os.R_OK)
    ]


def find_confinement(vault: Path, ways: Sequence[Way] = WAYS) -> Confinement:
    """The best way to keep runs out of a vault here that passes its test.

    Leaves a canary in the vault and in the lab's text. Nothing is assumed from what the system says of itself: each
    way is tried.
    """
    folder = vault.resolve()
    reasons: list[str] = []
    canary = secrets.token_hex(16)
    open_way = Confinement("none", str(folder))
    (folder.parent / TEXT).mkdir(mode=0o700, exist_ok=True)
    for secret in open_way.secrets:
        write_private(Path(secret) / CANARY, canary)
    (folder.parent / "runs").mkdir(exist_ok=True)
    if sys.platform != "linux":
        return Confinement("none", str(folder), f"no way is known on {sys.platform}")
    control = _try(open_way, canary)
    assert not isinstance(control, str), f"the test of the vault's lock does not work itself: {control}"
    assert control["read"], "the test cannot read the canary even where nothing stops it"
    for way in ways:
        missing = _missing(way)
        found = missing or _verdict(_try(Confinement(way, str(folder)), canary))
        if not found:
            return Confinement(way, str(folder), "; ".join(reasons))
        reasons.append(f"{way}: {found}")
    return Confinement("none", str(folder), "; ".join(reasons))


def _missing(way: Way) -> str:
    if way == "bubblewrap" and shutil.which("bwrap") is None:
        return "bwrap is not installed"
    if way == "user" and os.geteuid() != 0:
        return "only root can start processes as another user"
    return ""


def _verdict(found: "dict[str, Any] | str") -> str:
    """Why a way will not do; '' if it does."""
    if isinstance(found, str):
        return found
    if found["read"]:
        return f"the vault could be read ({', '.join(found['read'])})"
    return found["trouble"]


def _try(confinement: Confinement, canary: str) -> "dict[str, Any] | str":
    """What a process that is started as trainings are could do; in words why it could not be started."""
    folder = confinement.lab / "runs" / f".probe-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        command = confinement.command("assay.execution.probe", canary, str(folder), *confinement.secrets)
        try:
            confinement.hand_over(folder)
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PROBE_SECONDS,
                start_new_session=True, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{type(error).__name__}: {error}"
        lines = done.stdout.splitlines()
        if done.returncode != 0 or not lines:
            last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            return last[:200]
        return json.loads(lines[-1])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
