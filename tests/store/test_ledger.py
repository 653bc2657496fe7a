"""The chain: what is changed is named, and several writers make one chain."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from assay.spec.errors import UserError
from assay.store.ledger import _digest, verify
from assay.store.store import Store

from .helpers import execute, fill, python

ENTRIES = 6
COLUMNS = ("time", "kind", "body", "previous", "hash")
WRITER = """
import sys
from pathlib import Path
from assay.store.ledger import append
from assay.store.store import Store

store = Store.at(Path(sys.argv[1]))
for number in range(25):
    with store.transaction() as connection:
        append(connection, "note", {"writer": sys.argv[2], "number": number})
"""


class Content(bytes):
    """A database file that failing tests do not print."""

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Content:
    folder = tmp_path_factory.mktemp("ledger")
    store = Store.at(folder, create=True)
    fill(store, ENTRIES)
    store.close()
    execute(folder / "lab.db", "PRAGMA journal_mode = DELETE")  # one file, to be copied
    return Content((folder / "lab.db").read_bytes())


class Copy:
    """A copy of a good ledger, to be spoilt. Use as a context manager."""

    def __init__(self, content: bytes) -> None:
        self._temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self._temporary.name)
        self.path = self.folder / "lab.db"
        self.path.write_bytes(content)

    def __enter__(self) -> "Copy":
        return self

    def __exit__(self, *_: object) -> None:
        self._temporary.cleanup()

    def verify(self) -> Any:
        store = Store.at(self.folder)
        try:
            return store.verify_ledger()
        finally:
            store.close()


@pytest.fixture(scope="module")
def intact(original: Content) -> Iterator[Store]:
    with Copy(original) as copy:
        store = Store.at(copy.folder)
        yield store
        store.close()


def _verify_with(store: Store, seq: int, column: str, value: Any) -> Any:
    """What `verify` finds while one column of one entry holds another value."""
    with store.engine.connect() as connection:
        connection.execute(text(f"UPDATE ledger SET {column} = :value WHERE seq = :seq"), {"value": value, "seq": seq})
        found = verify(connection)
        connection.rollback()
    return found


@given(st.integers(1, ENTRIES), st.sampled_from(COLUMNS), st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_byte_changed_in_any_column_is_named(intact: Store, seq: int, column: str, data: st.DataObject) -> None:
    with intact.engine.connect() as connection:
        query = text(f"SELECT CAST({column} AS BLOB) FROM ledger WHERE seq = :seq")
        content = connection.execute(query, {"seq": seq}).scalar_one()
    place = data.draw(st.integers(0, len(content) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[place]))
    changed = content[:place] + bytes([value]) + content[place + 1 :]
    with intact.engine.connect() as connection:
        connection.execute(
            text(f"UPDATE ledger SET {column} = CAST(:value AS TEXT) WHERE seq = :seq"), {"value": changed, "seq": seq}
        )
        found = verify(connection)
        connection.rollback()
    assert found.bad_seq == seq
    assert found.entries == seq - 1
    assert found.problem
    assert intact.verify_ledger().bad_seq is None


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("value", [b"bytes", 5, 2.5, "", "another text"], ids=repr)
@pytest.mark.parametrize("seq", [1, 3, ENTRIES])
def test_any_other_value_in_any_column_is_named(intact: Store, seq: int, column: str, value: Any) -> None:
    assert _verify_with(intact, seq, column, value).bad_seq == seq


@given(st.integers(0, 1_000_000_000), st.integers(1, 255))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_byte_of_the_file_changed_is_noticed_or_means_nothing(original: Content, place: int, flip: int) -> None:
    """A changed byte breaks an entry, or the database, or lies where no entry is kept."""
    with Copy(original) as copy, Copy(original) as untouched:
        content = bytearray(original)
        content[place % len(content)] ^= flip
        copy.path.write_bytes(content)
        try:
            found = copy.verify()
        except UserError:
            return
        if found.bad_seq is None:
            assert found.entries == ENTRIES
            rows = "SELECT seq, time, kind, body, previous, hash FROM ledger ORDER BY seq"
            assert execute(copy.path, rows) == execute(untouched.path, rows)


@pytest.mark.parametrize("seq", range(1, ENTRIES + 1))
def test_a_deleted_entry_is_named(original: Content, seq: int) -> None:
    with Copy(original) as copy:
        execute(copy.path, "DELETE FROM ledger WHERE seq = ?", seq)
        assert copy.verify().bad_seq == seq


def test_a_ledger_cut_at_its_end_is_noticed(original: Content) -> None:
    with Copy(original) as copy:
        execute(copy.path, "DELETE FROM ledger WHERE seq > 4")
        found = copy.verify()
        assert found.bad_seq == 5
        assert "ends early" in found.problem
        execute(copy.path, "DELETE FROM ledger")
        assert copy.verify().bad_seq == 1


def test_a_changed_or_lost_head_is_noticed(original: Content) -> None:
    for statement in (
        "UPDATE ledger_head SET seq = 5",
        "UPDATE ledger_head SET hash = 'x'",
        "DELETE FROM ledger_head",
    ):
        with Copy(original) as copy:
            execute(copy.path, statement)
            assert "head was changed" in copy.verify().problem


@pytest.mark.parametrize(("a", "b"), [(1, 2), (2, 5), (5, 6)])
def test_exchanged_entries_are_named(original: Content, a: int, b: int) -> None:
    with Copy(original) as copy:
        for old, new in ((a, 100), (b, a), (100, b)):
            execute(copy.path, "UPDATE ledger SET seq = ? WHERE seq = ?", new, old)
        assert copy.verify().bad_seq == a


def test_an_entry_rewritten_with_its_own_hash_breaks_the_chain_after_it(original: Content) -> None:
    with Copy(original) as copy:
        [(time, kind, previous)] = execute(copy.path, "SELECT time, kind, previous FROM ledger WHERE seq = 3")
        body = json.dumps({"text": "forged"}, separators=(",", ":"))
        digest = _digest(3, time, kind, body, previous)
        execute(copy.path, "UPDATE ledger SET body = ?, hash = ? WHERE seq = 3", body, digest)
        found = copy.verify()
        assert found.bad_seq == 4
        assert "does not follow" in found.problem


def test_a_damaged_entry_cannot_be_read_as_history(original: Content) -> None:
    for column, value in (("body", "{broken"), ("body", b"\xff"), ("time", b"\xff")):
        with Copy(original) as copy:
            execute(copy.path, f"UPDATE ledger SET {column} = ? WHERE seq = 3", value)
            store = Store.at(copy.folder)
            with pytest.raises(UserError, match="entry 3 of the ledger is damaged: `assay ledger verify`"):
                store.ledger()
            assert len(store.ledger(after=3)) == ENTRIES - 3
            store.close()


def test_several_processes_append_to_one_chain(tmp_path: Path) -> None:
    Store.at(tmp_path, create=True).close()
    writers = [python(WRITER, str(tmp_path), str(number)) for number in range(4)]
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors
    store = Store.at(tmp_path)
    found = store.verify_ledger()
    assert (found.entries, found.bad_seq) == (100, None)
    bodies = [entry.body for entry in store.ledger()]
    for number in range(4):
        mine = [body["number"] for body in bodies if body["writer"] == str(number)]
        assert mine == list(range(25))


def test_a_writer_killed_in_a_transaction_leaves_nothing_of_it(tmp_path: Path) -> None:
    store = Store.at(tmp_path, create=True)
    fill(store, 2)
    code = WRITER.replace(
        'append(connection, "note"', 'append(connection, "note", {}); print("begun", flush=True); input()  # '
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), "a"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "begun\n"
    writer.kill()
    writer.communicate(timeout=60)
    fill(store, 1)
    assert store.verify_ledger().entries == 3
    assert store.verify_ledger().bad_seq is None
