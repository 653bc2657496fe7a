"""Starting other programs, so that none outlives this process, and listening to them until they end."""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import psutil

from assay.spec.errors import UserError
from assay.training.external.facts import Filled

POLL_SECONDS = 0.1
_PIECE = 1 << 16
_LAST_SECONDS = 10.0


def start(
    words: Sequence[str], folder: Path, where: str, stdout: int | None = None, stderr: int | None = None
) -> "subprocess.Popen[bytes]":
    """Start a program in a folder, without input.

    Raises:
        UserError: it cannot be started; the message begins with `where`.
    """
    # Python keeps back what it prints to a pipe, up to 8 KiB: a program that works would look silent.
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    try:
        return subprocess.Popen(
            list(words), cwd=folder, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=environment,
            preexec_fn=_die_with_parent,
        )  # fmt: skip
    except FileNotFoundError as error:
        missing = "there is no such folder" if error.filename == str(folder) else error.strerror
        raise UserError(f"{where}: '{words[0]}' cannot be started in {folder}: {missing}") from None
    except OSError as error:
        raise UserError(f"{where}: '{words[0]}' cannot be started: {error.strerror}") from None


def listen(
    process: "subprocess.Popen[bytes]",
    what: str,
    filled: Filled,
    printed: Callable[[bytes], None] = lambda _: None,
    look: Callable[[], bool] = lambda: False,
) -> int:
    """Print what a program prints until it ends; its exit code.

    Args:
        process: its standard output, and its standard error if that is another, in pipes.
        what: what a message calls it.
        filled: says how long it may give no sign of life; then it is killed, with all that it has started.
        printed: is handed what comes on standard output.
        look: is called about ten times a second and says whether there is another sign of life.

    Raises:
        UserError: it was silent for too long.
    """
    streams = [stream for stream in (process.stdout, process.stderr) if stream is not None]
    heard, limit, last = time.monotonic(), filled.trainer.silence_seconds, b"\n"
    with contextlib.ExitStack() as stack:
        for stream in streams:
            stack.enter_context(stream)
        while True:
            ended = process.poll() is not None  # looked at first, so that its last words are read
            data = _pass_on(process, streams, 0.0 if ended else POLL_SECONDS, printed)
            last = data[-1:] or last
            if look() or data:
                heard = time.monotonic()
            silent = not ended and time.monotonic() - heard > limit
            if silent or (ended and not data):  # what a program leaves behind may hold its pipes open
                break
    if last != b"\n":
        print(flush=True)  # what is said next begins a line
    if not silent:
        return process.wait()
    kill(process)
    with contextlib.suppress(subprocess.TimeoutExpired):  # one that waits for a device cannot be killed
        process.wait(_LAST_SECONDS)
    raise UserError(
        f"{what} neither printed anything nor reported a loss for {limit:g} s, so it was killed; find in its output "
        f"where it hangs, or, if it was at work, raise silence_seconds in trainer.toml of {filled.facts['trainer_dir']}"
    )


def _pass_on(
    process: "subprocess.Popen[bytes]", streams: list[IO[bytes]], seconds: float, printed: Callable[[bytes], None]
) -> bytes:
    """Print what comes from a program within some seconds, and return it. Streams that have ended leave the list."""
    if not streams:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        return b""
    found = b""
    for stream in select.select(streams, [], [], seconds)[0]:
        data = os.read(stream.fileno(), _PIECE)
        if not data:
            streams.remove(stream)
        elif stream is process.stdout:
            printed(data)
        found += data
    sys.stdout.buffer.write(found)
    sys.stdout.flush()
    return found


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a program with its descendants, in whatever sessions a launcher has put them.

    Those that have lost their parent die with the process group, once an executor sees this process end.
    """
    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for descendant in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            descendant.kill()


def _die_with_parent() -> None:
    """Ask Linux to kill this process with its parent: an orphan would write to a folder that a new attempt owns."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
