"""Databases as others leave them, and runs to store."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from assay.spec.recipe import Recipe, changed
from assay.spec.run import Run, Seed
from assay.spec.scale import Scale
from assay.store.ledger import append
from assay.store.store import Store


def a_run(seed: int = 0, **change: Any) -> Run:
    return Run(
        recipe=changed(Recipe(), {key.replace("__", "."): value for key, value in change.items()}),
        scale=Scale(name="small", width=64, depth=2, flops=1e9),
        seed=Seed(init=seed, data=seed + 1),
        corpus="c0",
        trainer="assay-1",
    )


def fill(store: Store, count: int, kind: str = "note") -> None:
    with store.transaction() as connection:
        for number in range(count):
            append(connection, kind, {"text": f"entry {number}: größer", "values": [number, 0.5, None]})


def execute(path: Path, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Change a database behind the store's back, without anything of assay."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement, values).fetchall()


def python(code: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
