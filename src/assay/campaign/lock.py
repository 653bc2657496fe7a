"""One controller at a time owns a lab."""

import fcntl
import json
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assay.spec.errors import UserError
from assay.spec.user import user_name


def holder(folder: Path) -> dict[str, Any] | None:
    """Who controls the lab now (pid, host, user, since, command), or None."""
    path = folder / "lab.lock"
    if not path.exists():
        return None
    with path.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            try:
                return json.loads(file.read())
            except json.JSONDecodeError:
                return {"pid": 0, "host": "?", "user": "?", "since": "?", "command": "?"}
        return None


@contextmanager
def controlling(folder: Path, command: str) -> Generator[None]:
    """Hold the lab's lock. The kernel frees it when the process ends, however it ends.

    Raises:
        UserError: another process holds it; the message says which.
    """
    with (folder / "lab.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = holder(folder) or {}
            raise UserError(
                f"{folder} is controlled by `{who.get('command', '?')}` (process {who.get('pid', '?')} of "
                f"{who.get('user', '?')} on {who.get('host', '?')}, since {who.get('since', '?')}); wait for it, "
                f"or stop it with Ctrl-C there"
            ) from None
        file.truncate(0)
        note = {
            "pid": os.getpid(), "host": socket.gethostname(), "user": user_name(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"), "command": command,
        }  # fmt: skip
        file.write(json.dumps(note))
        file.flush()
        yield
