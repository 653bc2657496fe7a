"""Starting other programs, so that none outlives this process."""

import ctypes
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from assay.spec.errors import UserError


def start(
    words: Sequence[str], folder: Path, where: str, stdout: int | None = None, stderr: int | None = None
) -> "subprocess.Popen[bytes]":
    """Start a program in a folder, without input.

    Raises:
        UserError: it cannot be started; the message begins with `where`.
    """
    try:
        return subprocess.Popen(
            list(words), cwd=folder, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
            preexec_fn=_die_with_parent,
        )  # fmt: skip
    except FileNotFoundError as error:
        missing = "there is no such folder" if error.filename == str(folder) else error.strerror
        raise UserError(f"{where}: '{words[0]}' cannot be started in {folder}: {missing}") from None
    except OSError as error:
        raise UserError(f"{where}: '{words[0]}' cannot be started: {error.strerror}") from None


def _die_with_parent() -> None:
    """Ask Linux to kill this process with its parent: an orphan would write to a folder that a new attempt owns."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
