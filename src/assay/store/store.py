"""The store: typed reading and writing of a lab's durable state."""

import json
import shutil
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, create_engine, event, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.sql import func

from assay.spec.base import Frozen, canonical_json
from assay.spec.errors import UserError
from assay.spec.recipe import Recipe
from assay.spec.run import Outcome, Run
from assay.store.ledger import Entry, Verification, entries, verify
from assay.store.migrate import upgrade
from assay.store.schema import exchanges, inbox, metrics, recipes, runs

#: How long to wait for another program that writes.
LOCK_SECONDS = 10.0
LEAST_FREE_BYTES = 1 << 20


class Letter(Frozen):
    """A request in the inbox: `propose` with a proposal, or `cancel` with a proposal's number."""

    id: int
    time: str
    kind: str
    body: dict[str, Any]
    handled: bool = False
    answer: str = ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Store:
    """All durable state of one lab.

    Args:
        url: SQLAlchemy URL, as text or in parts; for example `sqlite:///mylab/lab.db`.
        name: what error messages call it.
        create: make the tables if they are missing.

    Raises:
        UserError: missing, damaged, locked, or written by a newer version.
    """

    def __init__(self, url: str | URL, name: str = "lab.db", create: bool = False) -> None:
        self.name = name
        self.engine = create_engine(url)
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _sqlite_connected)
            event.listen(self.engine, "begin", _sqlite_begin)
        self._writing = self.engine.execution_options(write=True)
        with self._explained():
            upgrade(self.engine, name, create)

    @classmethod
    def at(cls, folder: Path, create: bool = False) -> "Store":
        """The SQLite store of a lab's folder."""
        path = folder / "lab.db"
        if not create and not path.is_file():
            raise UserError(f"{path}: no such file; `assay init {folder}` makes a lab")
        return cls(URL.create("sqlite", database=str(path)), str(path), create=create)

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except OperationalError as error:
            text = str(error.orig)
            if "locked" in text:
                raise UserError(f"{self.name} is locked by another program; close it and try again") from None
            if "full" in text or ("I/O" in text and _no_space(self.engine.url.database)):
                raise UserError(
                    f"{self.name}: the disk is full; free some space and run the same command again"
                ) from None
            raise UserError(f"{self.name} cannot be read or written: {text}") from None
        except DatabaseError as error:
            raise UserError(f"{self.name} is damaged or not a database: {error.orig}; restore it from a copy") from None
        except UnicodeDecodeError:  # raised by the driver when its own message repeats damaged text
            raise UserError(f"{self.name} is damaged; restore it from a copy") from None

    @contextmanager
    def transaction(self) -> Generator[Connection]:
        """Reads and writes, all or nothing. Errors of the database come out as `UserError`."""
        with self._explained(), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """A consistent view that blocks nobody."""
        with self._explained(), self.engine.begin() as connection:
            yield connection

    def close(self) -> None:
        self.engine.dispose()

    # Recipes and runs

    def put_recipe(self, connection: Connection, recipe: Recipe) -> None:
        known = connection.execute(select(recipes.c.hash).where(recipes.c.hash == recipe.hash)).first()
        if not known:
            connection.execute(insert(recipes).values(hash=recipe.hash, body=recipe.model_dump_json()))

    def recipes(self) -> dict[str, Recipe]:
        """Every recipe by hash."""
        with self.reading() as connection:
            rows = connection.execute(select(recipes)).all()
        return {row.hash: Recipe.model_validate_json(row.body) for row in rows}

    def put_run(self, connection: Connection, run: Run, status: str) -> None:
        """Note a run, or its new status if it is known."""
        digest = run.hash
        if connection.execute(update(runs).where(runs.c.hash == digest).values(status=status)).rowcount:
            return
        self.put_recipe(connection, run.recipe)
        connection.execute(
            insert(runs).values(
                hash=digest, recipe=run.recipe.hash, scale=run.scale.name, seed_init=run.seed.init,
                seed_data=run.seed.data, repeat=run.repeat, trainer=run.trainer, status=status,
                spec=run.model_dump_json(),
            )
        )  # fmt: skip

    def put_outcome(self, connection: Connection, digest: str, outcome: Outcome) -> None:
        values = outcome.model_dump(exclude={"domains", "self_reported"}) | {"domains": canonical_json(outcome.domains)}
        connection.execute(update(runs).where(runs.c.hash == digest).values(**values))

    def set_status(self, connection: Connection, digest: str, status: str) -> None:
        connection.execute(update(runs).where(runs.c.hash == digest).values(status=status))

    def forget_checkpoint(self, connection: Connection, digest: str) -> None:
        connection.execute(update(runs).where(runs.c.hash == digest).values(checkpoint_kept=False))

    def run(self, digest: str) -> Run | None:
        with self.reading() as connection:
            text = connection.execute(select(runs.c.spec).where(runs.c.hash == digest)).scalar()
        return Run.model_validate_json(text) if text else None

    def run_rows(self) -> list[dict[str, Any]]:
        """Every run as a plain row, `domains` decoded, without its full specification."""
        columns = [column for column in runs.c if column.name != "spec"]
        with self.reading() as connection:
            rows = connection.execute(select(*columns)).mappings().all()
        return [{**row, "domains": json.loads(row["domains"])} for row in rows]

    # Metric series

    def put_metrics(self, connection: Connection, digest: str, points: Sequence[dict[str, Any]]) -> None:
        """Replace a run's series by these points (keys: step, tokens, loss, lr, grad_norm)."""
        connection.execute(metrics.delete().where(metrics.c.run == digest))
        names = [column.name for column in metrics.c if column.name != "run"]
        if points:
            connection.execute(
                insert(metrics), [{"run": digest, **{name: point.get(name) for name in names}} for point in points]
            )

    def series(self, digest: str) -> list[Row[Any]]:
        """A run's metric points in order of steps."""
        with self.reading() as connection:
            return list(connection.execute(select(metrics).where(metrics.c.run == digest).order_by(metrics.c.step)))

    # Conversations with language models

    def put_exchange(self, author: str, cost_usd: float, body: dict[str, Any]) -> None:
        with self.transaction() as connection:
            connection.execute(
                insert(exchanges).values(time=_now(), author=author, cost_usd=cost_usd, body=canonical_json(body))
            )

    def exchanges(self) -> list[dict[str, Any]]:
        with self.reading() as connection:
            rows = connection.execute(select(exchanges).order_by(exchanges.c.id)).mappings().all()
        return [{**row, "body": json.loads(row["body"])} for row in rows]

    def usd_spent(self) -> float:
        """Money spent on language models over the lab's life, in US dollars."""
        with self.reading() as connection:
            return float(connection.execute(select(func.sum(exchanges.c.cost_usd))).scalar() or 0.0)

    # Inbox

    def post(self, kind: str, body: dict[str, Any]) -> int:
        """Leave a request for the controller; returns its number."""
        with self.transaction() as connection:
            result = connection.execute(
                insert(inbox).values(time=_now(), kind=kind, body=canonical_json(body), handled=False, answer="")
            )
            key = result.inserted_primary_key
            assert key is not None
            return int(key[0])

    def letters(self, open_only: bool = True) -> list[Letter]:
        query = select(inbox).order_by(inbox.c.id)
        with self.reading() as connection:
            rows = connection.execute(query.where(~inbox.c.handled) if open_only else query).mappings().all()
        return [Letter.model_validate({**row, "body": json.loads(row["body"])}) for row in rows]

    def answer(self, connection: Connection, letter: int, text: str) -> None:
        connection.execute(update(inbox).where(inbox.c.id == letter).values(handled=True, answer=text))

    def withdraw(self, letter: int, text: str) -> bool:
        """Answer a proposal that the controller has not taken yet; False if it has, or there is no such one."""
        waiting = (inbox.c.id == letter) & (inbox.c.kind == "propose") & ~inbox.c.handled
        with self.transaction() as connection:
            return bool(connection.execute(update(inbox).where(waiting).values(handled=True, answer=text)).rowcount)

    # Ledger

    def ledger(self, after: int = 0) -> list[Entry]:
        with self.reading() as connection:
            return list(entries(connection, after))

    def verify_ledger(self) -> Verification:
        with self.reading() as connection:
            return verify(connection)


def _sqlite_connected(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver shall not begin transactions by itself
    # Text whose bytes were changed from outside shall be read, so that checks can say where it is.
    connection.text_factory = _decode
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={round(1000 * LOCK_SECONDS)}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _decode(data: bytes) -> str:
    return data.decode(errors="surrogateescape")


def _no_space(database: str | None) -> bool:
    """Whether the disk that a SQLite database lies on is full; its own message does not always say so."""
    try:
        return database is not None and shutil.disk_usage(Path(database).parent).free < LEAST_FREE_BYTES
    except OSError:
        return False


def _sqlite_begin(connection: Connection) -> None:
    # Writers take the lock at once: a read that later turns into a write cannot wait for another writer.
    immediate = connection.get_execution_options().get("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
