"""`python -m assay.execution.confined CONFINEMENT MODULE …`: shut this process out of the vault, then run a module.

Everything happens in the process itself, before it imports what it runs: see `assay.execution.confinement`. Once the
privileges are gone, nothing brings the vault back: the cover cannot be unmounted, also not from a further namespace,
since mounts that come from a more privileged one are locked together there (user_namespaces(7), mount_namespaces(7));
and `/proc/PID/root` of a process outside needs the right to trace it, which takes at least its privileges (ptrace(2)).
A run of another lab has no more privileges than this one and sees this vault; so each confined process is in a user
namespace of its own, which takes away the right to trace even one's equals.
"""

import ctypes
import json
import os
import runpy
import sys
from pathlib import Path
from typing import NoReturn

from assay.execution.confinement import KEPT, NOBODY, Confinement, block_devices, hidden, read_only

_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT, _MS_BIND = 1, 2, 4, 8, 32, 4096
_MS_REC, _MS_PRIVATE = 16384, 1 << 18
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 24, 38, 47, 4
_CAPABILITY_VERSION_3 = 0x20080522
#: Numbers of the capabilities in `KEPT`, from linux/capability.h.
_NUMBERS = {"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "FSETID": 4, "KILL": 5, "SYS_NICE": 23}
# Flags that a mount may not lose when it is mounted anew, as statvfs tells them and as mount takes them: the same bits
# but for relatime, which is where atime flags begin to differ.
_SAME_FLAGS, _ST_RELATIME, _MS_RELATIME = 2 | 4 | 8 | 1024 | 2048, 4096, 1 << 21

_libc = ctypes.CDLL(None, use_errno=True)


def enter(confinement: Confinement) -> None:
    """Confine this process, which must have one thread only, and all that it will start.

    Raises:
        OSError: the system does not allow it.
    """
    if confinement.way == "user":
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        os.environ["HOME"] = "/tmp"
    else:
        _cover(confinement)
    _drop_privileges(keep=confinement.way == "namespaces" and os.geteuid() == 0)


def _cover(confinement: Confinement) -> None:
    paths = [path for secret in confinement.secrets for path in hidden(secret)]
    devices = block_devices()
    _leave_namespaces()
    _mount("none", "/", "", _MS_REC | _MS_PRIVATE)
    for path in read_only(confinement.lab):
        _mount(path, path, "", _MS_BIND | _MS_REC)
        _mount("none", path, "", _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _flags(path))
    runs = str(confinement.lab / "runs")
    _mount(runs, runs, "", _MS_BIND | _MS_REC)
    _mount("none", runs, "", _MS_REMOUNT | _MS_BIND | _flags(runs))
    for path in paths:
        _mount("none", path, "tmpfs", _MS_RDONLY | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, "size=4k,mode=000")
    for path in devices:
        _mount("/dev/null", path, "", _MS_BIND)
    os.chdir(Path.cwd())  # by the new mounts


def _leave_namespaces() -> None:
    """Enter a mount namespace in a user namespace of its own, where the same numbers mean the same users as before."""
    uid, gid, root = os.geteuid(), os.getegid(), os.geteuid() == 0
    if not root:
        _check(_libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS), "unshare")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
        return
    entered, tell = os.pipe()
    mapper = os.fork()
    if mapper == 0:  # stays outside, where it may map every user
        try:
            os.close(tell)
            _map_everyone(os.getppid(), entered)
        finally:
            os._exit(1)
    try:
        _check(_libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS), "unshare")
        os.write(tell, b"1")
    finally:
        os.close(entered)
        os.close(tell)
        _, failed = os.waitpid(mapper, 0)
    if failed:
        raise OSError("the users of the new namespace could not be mapped")


def _map_everyone(process: int, entered: int) -> NoReturn:
    """Map each user and group of this process's namespace to itself in that of another, once it has entered it."""
    if not os.read(entered, 1):
        os._exit(1)
    for name in ("uid_map", "gid_map"):
        ranges = [line.split() for line in Path(f"/proc/self/{name}").read_text().splitlines()]
        text = "".join(f"{inside} {inside} {length}\n" for inside, _, length in ranges)
        Path(f"/proc/{process}/{name}").write_text(text)
    os._exit(0)


def _flags(path: str) -> int:
    found = os.statvfs(path).f_flag
    return found & _SAME_FLAGS | (_MS_RELATIME if found & _ST_RELATIME else 0)


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    result = _libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode() or None)
    _check(result, f"mount {target}")


def _drop_privileges(keep: bool) -> None:
    """Give up all capabilities, for ever: with NO_NEW_PRIVS no program that is started brings them back."""
    kept = {_NUMBERS[name] for name in KEPT} if keep else set[int]()
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    for number in set(range(last + 1)) - kept:
        _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)  # a process without any has none to drop
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    mask = sum(1 << number for number in kept)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    sets = (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)  # effective, permitted, inheritable; twice 32 bits
    _check(_libc.capset(header, sets), "capset")


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def main(arguments: list[str]) -> None:
    """Confine this process and become `MODULE` with the remaining arguments."""
    said, module, *rest = arguments
    enter(Confinement(**json.loads(said)))
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
