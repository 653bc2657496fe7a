"""Opening databases: new, of another version, damaged, locked, on a full disk."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from assay.spec.errors import UserError
from assay.store import store as module
from assay.store.schema import REVISION, metadata
from assay.store.store import Store

from .helpers import a_run, execute, fill


def test_migrations_make_the_tables_that_the_code_knows(tmp_path: Path) -> None:
    """Written twice, in `schema` for the code and in `migrations` for the way there; they must agree."""
    Store.at(tmp_path, create=True).close()
    plain = create_engine("sqlite://")
    metadata.create_all(plain)
    migrated = create_engine(f"sqlite:///{tmp_path / 'lab.db'}")
    wanted, found = inspect(plain), inspect(migrated)
    assert set(found.get_table_names()) == {*wanted.get_table_names(), "alembic_version"}
    for table in wanted.get_table_names():
        assert [str(c) for c in map(_described, found.get_columns(table))] == [
            str(c) for c in map(_described, wanted.get_columns(table))
        ]
        assert (
            found.get_pk_constraint(table)["constrained_columns"]
            == (wanted.get_pk_constraint(table)["constrained_columns"])
        )
        assert found.get_indexes(table) == wanted.get_indexes(table)


def _described(column: dict[str, object]) -> tuple[object, ...]:
    return column["name"], repr(column["type"]), column["nullable"]


def test_a_new_store_has_this_version_s_revision(tmp_path: Path) -> None:
    Store.at(tmp_path, create=True).close()
    assert execute(tmp_path / "lab.db", "SELECT version_num FROM alembic_version") == [(REVISION,)]
    assert execute(tmp_path / "lab.db", "PRAGMA journal_mode") == [("wal",)]


def test_a_folder_s_name_may_hold_anything(tmp_path: Path) -> None:
    folder = tmp_path / "what? 100% #1 & größer"
    folder.mkdir()
    store = Store.at(folder, create=True)
    fill(store, 1)
    store.close()
    assert (folder / "lab.db").is_file()
    assert len(Store.at(folder).ledger()) == 1


def test_missing(tmp_path: Path) -> None:
    _refused(tmp_path, "lab.db: no such file; `assay init")
    assert not (tmp_path / "lab.db").exists()


def test_empty(tmp_path: Path) -> None:
    """A store that something has emptied must not pass for a lab without a past: its error budget would start anew."""
    (tmp_path / "lab.db").touch()
    _refused(tmp_path, "lab.db is empty, or no store of assay; restore it from a copy")
    assert execute(tmp_path / "lab.db", "SELECT name FROM sqlite_master") == []


def test_another_program_s_database(tmp_path: Path) -> None:
    execute(tmp_path / "lab.db", "CREATE TABLE songs (title TEXT)")
    _refused(tmp_path, "no store of assay")
    assert execute(tmp_path / "lab.db", "SELECT name FROM sqlite_master") == [("songs",)]


def test_newer_schema(tmp_path: Path) -> None:
    store = Store.at(tmp_path, create=True)
    fill(store, 3)
    store.close()
    execute(tmp_path / "lab.db", "UPDATE alembic_version SET version_num = '9999'")
    _refused(tmp_path, "lab.db has schema 9999, newer than the", "install the newer assay (nothing was changed)")
    assert execute(tmp_path / "lab.db", "SELECT count(*) FROM ledger") == [(3,)]
    with pytest.raises(UserError, match="has schema 9999"):
        Store.at(tmp_path, create=True)


def test_unknown_schema(tmp_path: Path) -> None:
    Store.at(tmp_path, create=True).close()
    execute(tmp_path / "lab.db", "UPDATE alembic_version SET version_num = '0000'")
    _refused(tmp_path, "lab.db is damaged: no version of assay wrote schema 0000; restore it from a copy")


def test_not_a_database(tmp_path: Path) -> None:
    (tmp_path / "lab.db").write_text("these are words, not a database\n" * 100)
    _refused(tmp_path, "lab.db is damaged or not a database: file is not a database; restore it from a copy")


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "lab.db").mkdir()
    _refused(tmp_path, "lab.db: no such file")


def test_damaged(tmp_path: Path) -> None:
    store = Store.at(tmp_path, create=True)
    fill(store, 200)
    store.close()
    path = tmp_path / "lab.db"
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    _refused(tmp_path, "lab.db is damaged or not a database", "restore it from a copy")


def test_cut_short(tmp_path: Path) -> None:
    store = Store.at(tmp_path, create=True)
    fill(store, 500)
    store.close()
    path = tmp_path / "lab.db"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    def read() -> None:
        Store.at(tmp_path).ledger()

    with pytest.raises(UserError, match="is damaged or not a database"):
        read()


@pytest.mark.parametrize("mode", ["IMMEDIATE", "EXCLUSIVE"])
def test_locked_by_another_writer(tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOCK_SECONDS", 0.05)
    store = Store.at(tmp_path, create=True)
    fill(store, 1)
    store.close()
    if mode == "EXCLUSIVE":  # outside WAL, where it keeps readers out too
        execute(tmp_path / "lab.db", "PRAGMA journal_mode = DELETE")
    with closing(sqlite3.connect(tmp_path / "lab.db", isolation_level=None)) as other:
        other.execute(f"BEGIN {mode}")
        with pytest.raises(UserError) as caught:
            fill(Store.at(tmp_path), 1)
        assert str(caught.value) == f"{tmp_path / 'lab.db'} is locked by another program; close it and try again"
    again = Store.at(tmp_path)
    fill(again, 1)
    assert again.verify_ledger().entries == 2


def test_full_disk(tmp_path: Path) -> None:
    store = Store.at(tmp_path, create=True)
    fill(store, 1)
    with store.engine.begin() as connection:  # SQLite's own limit gives the same error as a full disk
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(UserError) as caught:
        fill(store, 10_000)
    assert "lab.db: the disk is full; free some space and run the same command again" in str(caught.value)
    store.close()
    again = Store.at(tmp_path)
    assert again.verify_ledger().bad_seq is None
    with again.transaction() as connection:
        again.put_run(connection, a_run(), "queued")


def _refused(folder: Path, *expected: str) -> None:
    with pytest.raises(UserError) as caught:
        Store.at(folder)
    message = str(caught.value)
    assert "\n" not in message
    for part in expected:
        assert part in message, message
