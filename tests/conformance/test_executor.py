"""The contract of `assay.spec.protocols.Executor`, against every implementation.

A new executor joins by one more class with the shape of `Local` and `Simulated`.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from assay.execution.local import LocalExecutor
from assay.execution.simulated import SimulatedExecutor
from assay.spec.protocols import Executor
from assay.spec.run import Outcome, RunOrder
from tests.execution.helpers import FAKES, WEIGHTS, behave, collect, make_order

STEPS = 10
STOP = 5


class Bench(Protocol):
    """One implementation, with runs of `STEPS` steps that diverge or fail if told to."""

    def open(self, workers: int) -> Executor: ...
    def folder(self, order: RunOrder, diverges: bool = False, fails: bool = False) -> Path: ...


class Local:
    def __init__(self, tmp_path: Path, fork: bool) -> None:
        self.tmp_path = tmp_path
        self.fork = fork
        self.made: list[LocalExecutor] = []

    def open(self, workers: int) -> Executor:
        self.made.append(LocalExecutor(workers, WEIGHTS, fork=self.fork, **FAKES))
        return self.made[-1]

    def folder(self, order: RunOrder, diverges: bool = False, fails: bool = False) -> Path:
        how: dict[str, Any] = {"steps": STEPS, "step_seconds": 0.01}
        if diverges:
            how["diverge_at"] = STOP
        if fails:
            how["crash_at"] = STOP
        return behave(self.tmp_path / order.run_hash, **how)


class Simulated:
    def __init__(self) -> None:
        self.made: list[SimulatedExecutor] = []
        self.special: dict[str, str] = {}

    def open(self, workers: int) -> Executor:
        self.made.append(SimulatedExecutor(self.outcome, self.seconds, workers))
        return self.made[-1]

    def folder(self, order: RunOrder, diverges: bool = False, fails: bool = False) -> Path:
        self.special[order.run_hash] = "diverged" if diverges else "failed" if fails else ""
        return Path("unused")

    def outcome(self, order: RunOrder) -> Outcome:
        special = self.special[order.run_hash]
        if special:
            return Outcome(status=special, message="crashed" if special == "failed" else "")  # type: ignore[arg-type]
        if order.stop_at_step is not None and order.stop_at_step < STEPS:
            return Outcome(status="paused", half_loss=2.5)
        return Outcome(status="finished", score=3.5, domains={"a": 2.0, "b": 4.0})

    def seconds(self, order: RunOrder) -> float:
        return float(min(STEPS, order.stop_at_step or STEPS))


@pytest.fixture(params=["fork", pytest.param("spawn", marks=pytest.mark.slow), "simulated"])
def bench(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    if request.param == "fork" and not Path("/proc/self").exists():
        pytest.skip("forking from a warm parent is only done on Linux")
    fakes = Path(__file__).parent.parent / "execution"
    monkeypatch.setenv("PYTHONPATH", f"{fakes}{os.pathsep}{os.environ.get('PYTHONPATH', '')}".rstrip(os.pathsep))
    made = Simulated() if request.param == "simulated" else Local(tmp_path, request.param == "fork")
    yield made
    for executor in made.made:
        executor.close()


def test_a_run_comes_back_once_with_its_score(bench: Bench) -> None:
    executor, order = bench.open(1), make_order()
    executor.submit(order, bench.folder(order))
    [(run, outcome)] = collect(executor, 1)
    assert run == order.run_hash
    assert outcome.status == "finished"
    assert outcome.score == pytest.approx((1 * 2.0 + 3 * 4.0) / 4)
    assert outcome.domains == {"a": 2.0, "b": 4.0}
    assert executor.poll(0.05) == []


def test_poll_without_runs_is_empty(bench: Bench) -> None:
    assert bench.open(1).poll(0.01) == []


def test_the_same_order_twice_is_one_run(bench: Bench) -> None:
    executor, order = bench.open(2), make_order()
    folder = bench.folder(order)
    executor.submit(order, folder)
    executor.submit(order, folder)
    collect(executor, 1)
    assert executor.poll(0.3) == []


def test_a_finished_run_is_answered_again(bench: Bench) -> None:
    executor, order = bench.open(1), make_order()
    folder = bench.folder(order)
    executor.submit(order, folder)
    first = collect(executor, 1)
    executor.submit(order, folder)
    executor.submit(order, folder)
    assert executor.poll(0.0) == first
    assert executor.poll(0.0) == []


def test_one_worker_works_first_in_first_out(bench: Bench) -> None:
    executor, orders = bench.open(1), [make_order(number) for number in range(4)]
    for order in orders:
        executor.submit(order, bench.folder(order))
    assert [run for run, _ in collect(executor, 4)] == [order.run_hash for order in orders]


def test_no_more_runs_at_a_time_than_workers(bench: Bench) -> None:
    executor = bench.open(2)
    for number in range(5):
        order = make_order(number)
        executor.submit(order, bench.folder(order))
    assert len(executor.progress()) == 2
    collect(executor, 5)
    assert len(executor.progress()) == 0


def test_a_diverged_run_is_a_result(bench: Bench) -> None:
    executor, order = bench.open(1), make_order()
    executor.submit(order, bench.folder(order, diverges=True))
    [(_, outcome)] = collect(executor, 1)
    assert outcome.status == "diverged"
    assert outcome.score is None


def test_a_failed_run_says_why_and_leaves_its_worker_free(bench: Bench) -> None:
    executor, bad, good = bench.open(1), make_order(0), make_order(1)
    executor.submit(bad, bench.folder(bad, fails=True))
    executor.submit(good, bench.folder(good))
    outcomes = dict(collect(executor, 2))
    assert outcomes[bad.run_hash].status == "failed"
    assert "crash" in outcomes[bad.run_hash].message
    assert outcomes[good.run_hash].status == "finished"


def test_an_order_that_stops_half_way_is_gone_on_with(bench: Bench) -> None:
    executor, order = bench.open(1), make_order(stop_at_step=STOP)
    folder = bench.folder(order)
    executor.submit(order, folder)
    executor.submit(order, folder)
    [(_, half)] = collect(executor, 1)
    assert half.status == "paused"
    assert half.half_loss == 2.5
    assert half.score is None
    executor.submit(order.model_copy(update={"stop_at_step": None}), folder)
    [(_, whole)] = collect(executor, 1)
    assert whole.status == "finished"


def test_a_paused_run_goes_on_when_submitted_again(bench: Bench) -> None:
    executor, order = bench.open(1), make_order()
    folder = bench.folder(order)
    executor.submit(order, folder)
    executor.pause(order.run_hash)
    assert [(run, outcome.status) for run, outcome in collect(executor, 1)] == [(order.run_hash, "paused")]
    assert executor.poll(0.1) == []
    executor.submit(order, folder)
    assert [outcome.status for _, outcome in collect(executor, 1)] == ["finished"]


def test_a_queued_run_can_be_paused(bench: Bench) -> None:
    executor, first, second = bench.open(1), make_order(0), make_order(1)
    for order in (first, second):
        executor.submit(order, bench.folder(order))
    executor.pause(second.run_hash)
    outcomes = collect(executor, 2)
    assert [(run, outcome.status) for run, outcome in outcomes] == [
        (second.run_hash, "paused"),
        (first.run_hash, "finished"),
    ]


def test_a_cancelled_run_has_no_outcome(bench: Bench) -> None:
    executor, orders = bench.open(1), [make_order(number) for number in range(3)]
    for order in orders:
        executor.submit(order, bench.folder(order))
    executor.cancel(orders[0].run_hash)  # running
    executor.cancel(orders[1].run_hash)  # queued
    assert [run for run, _ in collect(executor, 1)] == [orders[2].run_hash]
    assert executor.poll(0.1) == []


def test_pause_and_cancel_ignore_unknown_runs(bench: Bench) -> None:
    executor = bench.open(1)
    executor.pause("unknown")
    executor.cancel("unknown")
    assert executor.poll(0.01) == []


def test_close_pauses_what_is_left(bench: Bench) -> None:
    executor, orders = bench.open(1), [make_order(number) for number in range(2)]
    for order in orders:
        executor.submit(order, bench.folder(order))
    executor.close()
    outcomes = executor.poll(0.0)
    assert {run for run, _ in outcomes} == {order.run_hash for order in orders}
    assert {outcome.status for _, outcome in outcomes} == {"paused"}
    executor.close()
    assert len(executor.progress()) == 0
