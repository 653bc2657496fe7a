"""The warm parent: a single-threaded process that has imported torch once and forks a child for each training.

    python -m assay.execution.zygote [TRAIN EVALUATE [GRACE_SECONDS]]      (import paths `module:function`)

It holds no store handle and no secret, and obeys one-line JSON commands on standard input:

    {"do": "start", "id": 1, "folder": "…", "kind": "train" | "evaluate", "core": 0 | null}
    {"do": "signal", "id": 1, "signal": 15}
    {"do": "quit"}

and reports on standard output `{"event": "ready"}`, `{"event": "started", "id", "pid"}` and
`{"event": "exited", "id", "code"}`, where a negative code is the signal that killed the child. When standard input
ends, because the controller quit or was killed, it asks every child to pause, waits for them, and exits. If it is
killed itself, the kernel sends the children the same SIGTERM.
"""

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from assay.execution.child import ONE_THREAD, Work, do, load_work, log_to, pause_when_orphaned
from assay.execution.folder import Kind
from assay.spec.registry import load, names


class Zygote:
    """The event loop: commands in, children out."""

    def __init__(self, commands: int, events: int, work: dict[Kind, Work], grace: float) -> None:
        self._commands = commands
        self._events = events
        self._work = work
        self._grace = grace  # seconds a child may take over its last checkpoint before it is killed
        self._children: dict[int, int] = {}  # pid → id
        self._partial = b""
        self._deadline: float | None = None
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only so that it reaches the wake-up socket
        self._selector.register(self._commands, selectors.EVENT_READ)
        self._selector.register(self._wake_read, selectors.EVENT_READ)

    def serve(self) -> None:
        """Run until told to quit and every child has ended."""
        self._say(event="ready")
        while self._deadline is None or self._children:
            timeout = None if self._deadline is None else max(0.0, self._deadline - time.monotonic())
            ready = self._selector.select(timeout)
            for key, _ in ready:
                if key.fileobj is self._wake_read:
                    self._wake_read.recv(4096)
                    self._reap()
                else:
                    self._read_commands()
            if not ready:
                for pid in self._children:
                    _kill(pid, signal.SIGKILL)
                self._deadline = time.monotonic() + self._grace

    def _read_commands(self) -> None:
        data = os.read(self._commands, 65536)
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))
        if not data:
            self._quit()

    def _obey(self, command: dict[str, Any]) -> None:
        if command["do"] == "start":
            self._start(command["id"], Path(command["folder"]), command["kind"], command["core"])
        elif command["do"] == "signal":
            for pid, run in self._children.items():
                if run == command["id"]:
                    _kill(pid, command["signal"])
        else:
            self._quit()

    def _quit(self) -> None:
        if self._deadline is None:
            self._selector.unregister(self._commands)
            self._deadline = time.monotonic() + self._grace
            for pid in self._children:
                _kill(pid, signal.SIGTERM)

    def _start(self, run: int, folder: Path, kind: Kind, core: int | None) -> None:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                self._become_child(parent, core)
                log_to(folder)
                code = do(kind, folder, self._work[kind])
                sys.stdout.flush()
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(code)
        self._children[pid] = run
        self._say(event="started", id=run, pid=pid)

    def _become_child(self, parent: int, core: int | None) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()  # so that a signal meant for the run reaches an external trainer's processes too
        pause_when_orphaned(parent)
        self._selector.close()
        self._wake_read.close()
        self._wake_write.close()
        os.close(self._commands)
        os.close(self._events)  # else the controller would not see the zygote die while a child lives
        if core is not None:
            os.sched_setaffinity(0, {core})

    def _reap(self) -> None:
        while self._children:
            # Look before reaping: as long as the zombie stays, nobody else can get its process group's number.
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is None:
                return
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(found.si_pid, signal.SIGKILL)
            _, status = os.waitpid(found.si_pid, 0)
            run = self._children.pop(found.si_pid)
            self._say(event="exited", id=run, code=os.waitstatus_to_exitcode(status))

    def _say(self, **event: Any) -> None:
        with contextlib.suppress(BrokenPipeError):  # the controller is gone; the children are still waited for
            os.write(self._events, json.dumps(event).encode() + b"\n")


def _kill(pid: int, number: int) -> None:
    """Signal a child; SIGKILL goes to all of its process group, since nothing is left to pass it on."""
    if number == signal.SIGKILL:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it has not called setsid yet
            os.killpg(pid, number)
    os.kill(pid, number)


def _warm_up() -> None:
    """Do what the first run would otherwise do late: import what a recipe asks for by name, and set torch up.

    Setting torch up alone imports 800 modules and takes a second. It starts no thread, so forking stays safe.
    """
    from assay.training.environment import prepare
    from assay.training.peak import peak_flops

    for kind in ("optimiser", "schedule"):
        for name in names(kind):
            load(kind, name)
    prepare()
    peak_flops()


def main(
    train: str = "assay.training.main:train",
    evaluate: str = "assay.evaluation.score:score_run",
    grace_seconds: str = "60",
) -> None:
    """Import what runs need, then serve."""
    os.environ.update(ONE_THREAD)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the controller's to interpret
    commands, events = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)  # what an import prints must not look like an event
    work: dict[Kind, Work] = {"train": load_work(train), "evaluate": load_work(evaluate)}
    if "torch" in sys.modules:
        _warm_up()
    sys.stdout.flush()
    gc.collect()
    gc.freeze()  # so that a child's collector does not copy pages that all of them share
    Zygote(commands, events, work, float(grace_seconds)).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
