"""`python -m assay.execution.probe CANARY FOLDER VAULT TEXT`: try to read what is hidden as a hostile training would.

Prints one line of JSON: `read`, the ways in which the canary was found, and `trouble`, what an honest training would
miss. It is started as trainings are started, so it says what they can and cannot do on this very machine.
"""

import ctypes
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

_CLONE_NEWNS, _CLONE_NEWUSER, _MNT_DETACH = 0x00020000, 0x10000000, 2


def attempts(secret: str, folder: Path) -> dict[str, Callable[[], str]]:
    """Ways into a folder by name; each returns the canary, or fails."""
    libc = ctypes.CDLL(None, use_errno=True)
    canary = f"{secret}/canary"

    def through_link() -> str:
        link = folder / f"link-{Path(secret).name}"
        link.symlink_to(secret)
        return (link / "canary").read_text()

    def through_processes() -> str:
        for root in Path("/proc").glob("[0-9]*/root"):
            try:
                return Path(f"{root}{canary}").read_text()
            except OSError:
                continue
        raise FileNotFoundError

    def through_descriptors() -> str:
        for link in Path("/proc/self/fd").iterdir():
            try:
                return (link / os.path.relpath(canary, link.readlink())).read_text()
            except OSError:
                continue
        raise FileNotFoundError

    def uncovered() -> str:
        libc.umount2(secret.encode(), _MNT_DETACH)
        return Path(canary).read_text()

    def in_a_namespace() -> str:
        ready, answer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS)
                libc.umount2(secret.encode(), _MNT_DETACH)
                os.write(answer, Path(canary).read_bytes())
            finally:
                os._exit(0)
        os.close(answer)
        os.waitpid(pid, 0)
        return os.read(ready, 64).decode()

    def opened_up() -> str:
        Path(secret).chmod(0o777)
        return Path(canary).read_text()

    return {
        "by its path": lambda: Path(canary).read_text(),
        "by a listing": lambda: next(Path(secret).rglob("canary")).read_text(),
        "through a link": through_link,
        "through another process": through_processes,
        "through an open file": through_descriptors,
        "by taking the cover off": uncovered,
        "from a namespace of its own": in_a_namespace,
        "by changing its permissions": opened_up,
    }


def troubles(lab: Path, folder: Path) -> str:
    """What an honest training needs and cannot have here; '' if nothing is missing."""
    try:
        (folder / "file").write_text("written")
        for manifest in (lab / "corpora").glob("*/manifest.json"):
            manifest.read_bytes()
    except OSError as error:
        return f"an honest training could not work: {error}"
    return ""


def main(canary: str, folder: str, *secrets: str) -> None:
    """Try everything and print what worked."""
    read: list[str] = []
    for secret in secrets:
        for name, attempt in attempts(secret, Path(folder)).items():
            try:
                if attempt() == canary:
                    read.append(f"{Path(secret).name} {name}")
            except (OSError, StopIteration):
                continue
    print(json.dumps({"read": read, "trouble": troubles(Path(secrets[0]).parent, Path(folder))}))


if __name__ == "__main__":
    main(*sys.argv[1:])
