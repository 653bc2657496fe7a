"""The simulated clock: finishing order, workers and determinism, against schedules worked out by hand."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from assay.execution.simulated import SimulatedExecutor
from assay.spec.run import Outcome, RunOrder
from tests.execution.helpers import make_order

NOWHERE = Path("unused")


def drain(executor: SimulatedExecutor) -> list[tuple[float, int]]:
    """(time, number) of every end."""
    ends: list[tuple[float, int]] = []
    while outcomes := executor.poll(0.0):
        ends += [(executor.now, int(outcome.message)) for _, outcome in outcomes]
    return ends


def executor_for(seconds: list[float], workers: int) -> SimulatedExecutor:
    def number(order: RunOrder) -> int:
        return order.run.seed.init

    executor = SimulatedExecutor(
        lambda order: Outcome(status="finished", message=str(number(order))),
        lambda order: seconds[number(order)],
        workers,
    )
    for index in range(len(seconds)):
        executor.submit(make_order(index), NOWHERE)
    return executor


def test_runs_end_in_the_order_of_the_clock() -> None:
    # Worker A: run 0 until 5, then run 3 until 6. Worker B: run 1 until 2, run 2 until 5.
    assert drain(executor_for([5.0, 2.0, 3.0, 1.0], workers=2)) == [(2.0, 1), (5.0, 0), (5.0, 2), (6.0, 3)]


@given(st.lists(st.floats(0.0, 10.0), max_size=12), st.integers(1, 4))
def test_the_makespan_is_that_of_a_list_schedule(seconds: list[float], workers: int) -> None:
    free = [0.0] * workers
    ends: list[float] = []
    for duration in seconds:  # Graham's list scheduling: each job goes to the worker that is free first
        free.sort()
        free[0] += duration
        ends.append(free[0])
    first, second = drain(executor_for(seconds, workers)), drain(executor_for(seconds, workers))
    assert first == second
    assert [number for _, number in sorted(first, key=lambda end: end[1])] == list(range(len(seconds)))
    assert sorted(time for time, _ in first) == sorted(ends)


def test_going_on_is_charged_only_what_is_left() -> None:
    def outcome(order: RunOrder) -> Outcome:
        return Outcome(status="paused" if order.stop_at_step else "finished")

    executor = SimulatedExecutor(outcome, lambda order: 4.0 if order.stop_at_step else 10.0)
    order = make_order(stop_at_step=1)
    executor.submit(order, NOWHERE)
    assert [outcome.status for _, outcome in executor.poll(0.0)] == ["paused"]
    assert executor.now == 4.0
    executor.submit(order.model_copy(update={"stop_at_step": None}), NOWHERE)
    assert [outcome.status for _, outcome in executor.poll(0.0)] == ["finished"]
    assert executor.now == 10.0


def test_an_outcomes_own_seconds_are_the_default() -> None:
    executor = SimulatedExecutor(lambda _: Outcome(status="finished", seconds=7.0))
    executor.submit(make_order(), NOWHERE)
    executor.poll(0.0)
    assert executor.now == 7.0
