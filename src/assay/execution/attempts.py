"""`attempts.jsonl`: every process that tried to execute a run, and how it ended.

Each process writes its own beginning and, where it can, its own end, so the record does not depend on the
controller being alive. The end of a process that was killed is added by whoever notices; where parent and child
died together nobody does, and `ended` stays None.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

from pydantic import Field

from assay.execution.folder import Kind
from assay.spec.base import Frozen, canonical_json


class Attempt(Frozen):
    """One process. Times are seconds since 1970, UTC."""

    number: int
    kind: Kind
    pid: int
    started: float
    ended: float | None = None
    how: str = ""
    environment: dict[str, str] = Field({})


def read_attempts(folder: Path) -> list[Attempt]:
    """All attempts of a run, in the order in which they began."""
    path = folder / "attempts.jsonl"
    merged: dict[int, dict[str, Any]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            entry = json.loads(line)
        except ValueError:  # a process was killed while it wrote this line
            continue
        merged.setdefault(entry["number"], {}).update(entry)
    return [Attempt.parse(entry, str(path)) for entry in merged.values() if "kind" in entry]


def begin(folder: Path, kind: Kind) -> int:
    """Record that this process starts to work on a run, whose lock it holds. Returns the attempt's number."""
    number = max((attempt.number for attempt in read_attempts(folder)), default=0) + 1
    _append(folder, {"number": number, "kind": kind, "pid": os.getpid(), "started": time.time()})
    return number


def end(folder: Path, number: int, how: str, environment: dict[str, str] | None = None) -> None:
    """Record how an attempt ended, with the environment that its result names."""
    _append(folder, {"number": number, "ended": time.time(), "how": how, "environment": environment or {}})


def end_killed(folder: Path, pid: int, how: str) -> None:
    """Record the end of a process that could not do it itself; nothing if it never began or did record it."""
    for attempt in reversed(read_attempts(folder)):
        if attempt.pid == pid and attempt.ended is None:
            end(folder, attempt.number, how)
            return


def _append(folder: Path, entry: dict[str, Any]) -> None:
    # The newline comes first so that a half-written last line spoils only itself.
    descriptor = os.open(folder / "attempts.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(descriptor, f"\n{canonical_json(entry)}\n".encode())
    finally:
        os.close(descriptor)
