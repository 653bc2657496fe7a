"""What every store must do, whatever database holds it. A new kind of database is one more entry of `STORES`."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from assay.spec.errors import UserError
from assay.spec.run import Outcome
from assay.store.ledger import GENESIS, append
from assay.store.store import Store
from tests.store.helpers import a_run, fill

Connect = Callable[..., Store]


def sqlite(folder: Path) -> Iterator[Connect]:
    yield lambda create=False: Store(f"sqlite:///{folder / 'lab.db'}", create=create)


#: Each makes an empty database and yields what opens a store in it, as often as a test likes.
STORES: dict[str, Callable[[Path], Iterator[Connect]]] = {"sqlite": sqlite}


@pytest.fixture(params=STORES)
def connect(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connect]:
    opened: list[Store] = []
    for make in STORES[request.param](tmp_path):

        def connect(create: bool = False, make: Connect = make) -> Store:
            opened.append(make(create=create))
            return opened[-1]

        yield connect
        for store in opened:
            store.close()


@pytest.fixture
def store(connect: Connect) -> Store:
    return connect(create=True)


def test_an_empty_database_is_only_filled_when_asked_to(connect: Connect) -> None:
    with pytest.raises(UserError, match="is empty, or no store of assay"):
        connect()
    connect(create=True)
    assert connect().ledger() == []
    assert connect(create=True).ledger() == []  # a second time changes nothing


def test_everything_survives_closing(connect: Connect) -> None:
    first = connect(create=True)
    run = a_run(3, optimiser__name="muon")
    with first.transaction() as connection:
        first.put_run(connection, run, "queued")
        append(connection, "note", {"text": "größer"})
    first.close()
    again = connect()
    assert again.run(run.hash) == run
    assert again.recipes() == {run.recipe.hash: run.recipe}
    assert [entry.body for entry in again.ledger()] == [{"text": "größer"}]


def test_a_transaction_is_all_or_nothing(store: Store) -> None:
    def half_way() -> None:
        with store.transaction() as connection:
            append(connection, "note", {"text": "lost"})
            store.put_run(connection, a_run(), "running")
            raise RuntimeError("stop here")

    with pytest.raises(RuntimeError, match="stop here"):
        half_way()
    assert store.ledger() == []
    assert store.run_rows() == []
    fill(store, 1)
    assert [entry.seq for entry in store.ledger()] == [1]
    assert store.verify_ledger().bad_seq is None


def test_readers_see_only_what_is_complete(connect: Connect, store: Store) -> None:
    reader = connect()
    with store.transaction() as connection:
        append(connection, "note", {"text": "first"})
        assert reader.ledger() == []
    assert len(reader.ledger()) == 1


# Runs


def test_a_run_s_way(store: Store) -> None:
    run = a_run(2**40, data__mixture={"prose": 1.0, "code": 3.0})
    with store.transaction() as connection:
        store.put_run(connection, run, "running")
    [row] = store.run_rows()
    assert (row["status"], row["score"], row["domains"], row["checkpoint_kept"]) == ("running", None, {}, True)
    assert (row["recipe"], row["scale"], row["repeat"]) == (run.recipe.hash, "small", 0)
    assert (row["seed_init"], row["seed_data"]) == (2**40, 2**40 + 1)
    outcome = Outcome(
        status="finished", score=2.5, domains={"code": 2.0, "prosa-größe": 3.0}, flops=1e9, seconds=1.5, step_ms=2.0,
        memory_mb=300.5, half_loss=3.25,
    )  # fmt: skip
    with store.transaction() as connection:
        store.put_outcome(connection, run.hash, outcome)
        store.forget_checkpoint(connection, run.hash)
    [row] = store.run_rows()
    for name, value in outcome.model_dump(exclude={"self_reported"}).items():  # the ledger alone keeps that
        assert row[name] == value
    assert row["checkpoint_kept"] is False
    assert store.run(run.hash) == run
    assert store.run("0" * 16) is None


def test_a_run_is_one_row_however_often_it_is_noted(store: Store) -> None:
    run, other = a_run(1), a_run(2)
    for status in ("queued", "running", "paused"):
        with store.transaction() as connection:
            store.put_run(connection, run, status)
            store.put_run(connection, other, "queued")
    assert {row["hash"]: row["status"] for row in store.run_rows()} == {run.hash: "paused", other.hash: "queued"}
    assert list(store.recipes()) == [run.recipe.hash]
    with store.transaction() as connection:
        store.set_status(connection, other.hash, "cancelled")
    assert {row["hash"]: row["status"] for row in store.run_rows()} == {run.hash: "paused", other.hash: "cancelled"}


def test_every_outcome_can_be_stored(store: Store) -> None:
    for number, status in enumerate(("finished", "diverged", "failed", "paused")):
        run = a_run(number)
        message = "ValueError: größer\nthan allowed" if status == "failed" else ""
        with store.transaction() as connection:
            store.put_run(connection, run, "running")
            store.put_outcome(connection, run.hash, Outcome(status=status, message=message))  # type: ignore[arg-type]
        assert [(row["status"], row["message"]) for row in store.run_rows() if row["hash"] == run.hash] == [
            (status, message)
        ]


# Metric series


def _point(step: int, **fields: Any) -> dict[str, Any]:
    return {"step": step, "tokens": 768.0 * step, "loss": 5.5 / step, "lr": 1e-3, "grad_norm": 0.1 + step, **fields}


def test_metrics_come_back_as_they_went_in(store: Store) -> None:
    points = [_point(step) for step in range(1, 301)]
    with store.transaction() as connection:
        store.put_metrics(connection, "a" * 16, list(reversed(points)))
        store.put_metrics(connection, "b" * 16, points[:2])
    found = store.series("a" * 16)
    assert [{name: row[name] for name in points[0]} for row in (r._mapping for r in found)] == points
    assert len(store.series("b" * 16)) == 2
    assert store.series("c" * 16) == []


def test_metrics_replace_what_was_there_and_may_lack_fields(store: Store) -> None:
    with store.transaction() as connection:
        store.put_metrics(connection, "a" * 16, [_point(step) for step in (1, 2, 3)])
    with store.transaction() as connection:
        store.put_metrics(connection, "a" * 16, [{"step": 1, "seconds": 2.0}, _point(2, loss=math.inf)])
    first, second = store.series("a" * 16)
    assert (first.step, first.loss, first.lr) == (1, None, None)
    assert second.loss == math.inf
    with store.transaction() as connection:
        store.put_metrics(connection, "a" * 16, [])
    assert store.series("a" * 16) == []


def test_a_loss_that_is_not_a_number_is_no_number(store: Store) -> None:
    with store.transaction() as connection:
        store.put_metrics(connection, "a" * 16, [_point(1, loss=math.nan)])
    [point] = store.series("a" * 16)
    assert point.loss is None or math.isnan(point.loss)


# Conversations and inbox


def test_exchanges_are_kept_in_order_and_their_cost_adds_up(store: Store) -> None:
    assert store.usd_spent() == 0.0
    for number in range(3):
        store.put_exchange("model:x", 0.25 * number, {"request": {"text": f"größer {number}"}})
    assert [e["body"]["request"]["text"] for e in store.exchanges()] == [f"größer {n}" for n in range(3)]
    assert {e["author"] for e in store.exchanges()} == {"model:x"}
    assert store.usd_spent() == pytest.approx(0.75)


def test_inbox(store: Store) -> None:
    first = store.post("propose", {"hypothesis": "größer"})
    second = store.post("cancel", {"number": 1})
    assert second > first
    assert [(letter.id, letter.kind, letter.body) for letter in store.letters()] == [
        (first, "propose", {"hypothesis": "größer"}),
        (second, "cancel", {"number": 1}),
    ]
    with store.transaction() as connection:
        store.answer(connection, first, "registered as 1")
    assert [letter.id for letter in store.letters()] == [second]
    answered, waiting = store.letters(open_only=False)
    assert (answered.handled, answered.answer) == (True, "registered as 1")
    assert (waiting.handled, waiting.answer) == (False, "")


# Ledger


def test_the_ledger_is_a_chain(store: Store) -> None:
    assert store.verify_ledger().entries == 0
    fill(store, 5)
    fill(store, 2, "end")
    entries = store.ledger()
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5, 6, 7]
    assert [entry.kind for entry in entries] == ["note"] * 5 + ["end"] * 2
    assert len({GENESIS, *(entry.hash_ for entry in entries)}) == 8
    assert [entry.seq for entry in store.ledger(after=5)] == [6, 7]
    found = store.verify_ledger()
    assert (found.entries, found.bad_seq, found.problem) == (7, None, "")


def test_equal_contents_have_different_hashes(store: Store) -> None:
    with store.transaction() as connection:
        for _ in range(3):
            append(connection, "note", {"text": "the same"})
    assert len({entry.hash_ for entry in store.ledger()}) == 3


def test_the_ledger_takes_no_number_twice(store: Store) -> None:
    from assay.store.schema import ledger

    fill(store, 2)
    row = {"seq": 2, "time": "t", "kind": "note", "body": "{}", "previous": "p", "hash": "h"}

    def twice() -> None:
        with store.engine.begin() as connection:
            connection.execute(ledger.insert().values(row))

    with pytest.raises(IntegrityError):
        twice()
    assert store.verify_ledger().bad_seq is None
