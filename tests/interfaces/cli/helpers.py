"""The real command line, run in this process or in one of its own, and what a lab's folder holds."""

import contextlib
import hashlib
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import tomli_w

COMMAND = (sys.executable, "-c", "from assay.interfaces.cli.main import main; main()")


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def assay(*words: str | Path, cwd: Path | None = None) -> Done:
    """Run the command line in this process."""
    from assay.interfaces.cli.main import main

    out, err, code = io.StringIO(), io.StringIO(), 0
    argv, here, handler = sys.argv, Path.cwd(), signal.getsignal(signal.SIGTERM)
    sys.argv = ["assay", *map(str, words)]
    try:
        os.chdir(cwd or here)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    finally:
        sys.argv = argv
        os.chdir(here)
        signal.signal(signal.SIGTERM, handler)
    return Done(code, out.getvalue(), err.getvalue())


def process(*words: str | Path, cwd: Path | None = None, **environment: str) -> Done:
    """Run the command line in a process of its own."""
    done = subprocess.run(
        [*COMMAND, *map(str, words)],
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def content(folder: Path) -> dict[str, Any]:
    """All that a folder holds: its files, and its store row by row. Locks and caches of the store left out."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir():
            found[f"{name}/"] = None
        elif path.name == "lab.db":
            found[name] = rows(path)
        elif path.name not in ("lab.db-wal", "lab.db-shm", "lab.lock"):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def rows(database: Path) -> list[str]:
    try:
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return list(connection.iterdump())
    except sqlite3.DatabaseError:
        return [hashlib.sha256(database.read_bytes()).hexdigest()]


def query(lab: Path, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(lab / "lab.db")) as connection, connection:
        return connection.execute(statement, values).fetchall()


def ledger(lab: Path) -> list[tuple[str, dict[str, Any]]]:
    return [(kind, json.loads(body)) for kind, body in query(lab, "SELECT kind, body FROM ledger ORDER BY seq")]


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a TOML file as a person would."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(tomli_w.dumps(data), encoding="utf-8")
