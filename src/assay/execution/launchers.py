"""How a process of a run comes to be: forked by the zygote where fork is safe, else spawned.

Both forms start a process for an `id`, send it signals, and report its end once by calling `ended(id, code, note)`
from a thread of their own: a negative code is the signal that killed it, None means that the zygote died and the
process, told so by the kernel, pauses by itself. `started(id, pid)` comes before.
"""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from assay.execution.confinement import Confinement
from assay.execution.folder import Kind
from assay.training.protocol import pack_folders

Started = Callable[[int, int], None]
Ended = Callable[[int, int | None, str], None]


class Launcher(Protocol):
    """Starts and signals processes. `close` has all pause, and kills those that have not within the grace."""

    def start(self, run: int, folder: Path, kind: Kind, core: int | None) -> None: ...
    def signal(self, run: int, number: int) -> None: ...
    def close(self) -> None: ...


class ForkLauncher:
    """Forks from a warm zygote, which it starts when first needed and again whenever it has died."""

    def __init__(
        self, train: str, evaluate: str, grace: float, started: Started, ended: Ended, confinement: Confinement
    ) -> None:
        self._command = confinement.command("assay.execution.zygote", train, evaluate, str(grace))
        self._confinement = confinement
        self._started = started
        self._ended = ended
        self._lock = threading.Lock()
        self._zygote: _ZygoteProcess | None = None

    def start(self, run: int, folder: Path, kind: Kind, core: int | None) -> None:
        for each in pack_folders(folder):
            self._confinement.hand_over(each)
        with self._lock:
            if self._zygote is None:
                self._zygote = _ZygoteProcess(self._command, self._started, self._ended, self._gone)
            self._zygote.runs.add(run)
            self._zygote.send(do="start", id=run, folder=str(folder), kind=kind, core=core)

    def signal(self, run: int, number: int) -> None:
        with self._lock:
            if self._zygote is not None:
                self._zygote.send(do="signal", id=run, signal=number)

    def close(self) -> None:
        with self._lock:
            zygote = self._zygote
        if zygote is not None:
            zygote.close()

    def _gone(self) -> list[int]:
        """The zygote has died: forget it, and say which runs it leaves behind."""
        with self._lock:
            assert self._zygote is not None
            lost = sorted(self._zygote.runs)
            self._zygote = None
            return lost


class _ZygoteProcess:
    """One zygote and the thread that listens to it."""

    def __init__(self, command: list[str], started: Started, ended: Ended, gone: Callable[[], list[int]]) -> None:
        self.runs: set[int] = set()
        self._started = started
        self._ended = ended
        self._gone = gone
        # A file, not a pipe: nobody has to read it, and it is only of interest when the zygote dies.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by the listener)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment_without_secrets(),
            start_new_session=True,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def send(self, **command: Any) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it has just died; the listener is about to notice
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            self._process.stdin.flush()

    def close(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._listener.join()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event = json.loads(line)
            if event["event"] == "started":
                self._started(event["id"], event["pid"])
            elif event["event"] == "exited":
                self.runs.discard(event["id"])
                self._ended(event["id"], event["code"], "")
        code = self._process.wait()
        self._process.stdout.close()
        lost = self._gone()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._errors.seek(0)
        last = self._errors.read().decode(errors="replace").strip()[-2000:]
        self._errors.close()
        for run in lost:
            note = f"the process that starts runs ended with {describe(code)}"
            self._ended(run, None, f"{note}: {last}" if last else note)


class SpawnLauncher:
    """One fresh interpreter a process: slower to start, but works where fork is not safe."""

    def __init__(
        self, train: str, evaluate: str, grace: float, started: Started, ended: Ended, confinement: Confinement
    ) -> None:
        self._confinement = confinement
        self._work: dict[Kind, str] = {"train": train, "evaluate": evaluate}
        self._grace = grace
        self._started = started
        self._ended = ended
        self._lock = threading.Lock()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._waiters: list[threading.Thread] = []

    def start(self, run: int, folder: Path, kind: Kind, core: int | None) -> None:
        del core  # platforms without fork have no affinity to set
        for each in pack_folders(folder):
            self._confinement.hand_over(each)
        process = subprocess.Popen(
            self._confinement.command("assay.execution.child", kind, str(folder), self._work[kind]),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment_without_secrets(),
            start_new_session=True,
        )
        waiter = threading.Thread(target=self._wait, args=(run, process), daemon=True)
        with self._lock:
            self._processes[run] = process
            self._waiters = [thread for thread in self._waiters if thread.is_alive()] + [waiter]
        self._started(run, process.pid)
        waiter.start()

    def signal(self, run: int, number: int) -> None:
        with self._lock:
            process = self._processes.get(run)
            if process is None:
                return
            if number == signal.SIGKILL:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, number)
            process.send_signal(number)

    def close(self) -> None:
        with self._lock:
            runs, waiters = list(self._processes), list(self._waiters)
        for run in runs:
            self.signal(run, signal.SIGTERM)
        deadline = time.monotonic() + self._grace
        for waiter in waiters:
            waiter.join(max(0.0, deadline - time.monotonic()))
        for run in runs:
            self.signal(run, signal.SIGKILL)
        for waiter in waiters:
            waiter.join()

    def _wait(self, run: int, process: "subprocess.Popen[bytes]") -> None:
        code = process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # what an external trainer left behind
        assert process.stdin is not None
        process.stdin.close()
        with self._lock:
            del self._processes[run]
        self._ended(run, code, "")


def environment_without_secrets() -> dict[str, str]:
    """This process's environment less what looks like a credential: code under test has no use for one."""
    endings = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")
    return {name: value for name, value in os.environ.items() if not name.upper().endswith(endings)}


def describe(code: int) -> str:
    """An exit code in words: `exit code 1`, `signal 9 (SIGKILL)`."""
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
    memory = ", which is how a system ends what takes more memory than there is" if name == "SIGKILL" else ""
    return f"signal {-code} ({name}{memory})"
