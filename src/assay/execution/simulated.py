"""Runs that take no time: outcomes from a function or a table, in the order a simulated clock gives them."""

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.spec.protocols import Progress
from assay.spec.run import Outcome, RunOrder
from assay.spec.scale import shape_at


@dataclass(eq=False)
class _Job:
    order: RunOrder
    outcome: Outcome
    started: float = 0.0
    ends: float = 0.0


class SimulatedExecutor:
    """The executor's contract over a clock of its own, for tests of the loop, replay and benchmarks of strategies.

    `poll` never waits: it moves the clock to the next end of a run and returns what ends then. Everything is
    decided by the sequence of calls, so the same calls give the same outcomes in the same order.

    Args:
        outcome: what becomes of an order; a table of real results is `lambda order: table[order.run_hash]`. For an
            order with `stop_at_step` it may say `paused`, with its half-way loss.
        seconds: simulated time of an order from the run's beginning, so a run that is gone on with is charged
            only what is left; by default the outcome's own `seconds`.
        workers: runs at a time.
    """

    def __init__(
        self,
        outcome: Callable[[RunOrder], Outcome],
        seconds: Callable[[RunOrder], float] | None = None,
        workers: int = 1,
    ) -> None:
        assert workers > 0, "at least one worker"
        self.now = 0.0
        self._outcome = outcome
        self._seconds = seconds
        self._workers = workers
        self._jobs: dict[str, _Job] = {}
        self._queue: deque[_Job] = deque()
        self._running: list[tuple[float, int, _Job]] = []  # a heap by end, then by start
        self._numbers = itertools.count()
        self._done: dict[str, float] = {}  # simulated seconds that a run has had
        self._settled: dict[str, Outcome] = {}  # never trained twice
        self._outcomes: list[tuple[str, Outcome]] = []

    def submit(self, order: RunOrder, folder: Path) -> None:
        """Queue a run, unless it is under way or already settled; nothing is written to the folder."""
        del folder
        assert self._workers, "this executor is closed"
        run = order.run_hash
        if run in self._jobs:
            return
        if run in self._settled:
            if (run, self._settled[run]) not in self._outcomes:
                self._outcomes.append((run, self._settled[run]))
            return
        job = _Job(order, self._outcome(order))
        if (run, job.outcome) in self._outcomes:  # paused where this order asks for, and not yet polled
            return
        self._jobs[run] = job
        self._queue.append(job)
        self._fill()

    def poll(self, timeout: float) -> list[tuple[str, Outcome]]:
        """Outcomes since the last poll; if there are none, those of the next moment at which a run ends."""
        del timeout
        while not self._outcomes and self._running:
            self.now = max(self.now, self._running[0][0])
            while self._running and self._running[0][0] <= self.now:
                _, _, job = self._running[0]
                self._stop(job)
                self._settle(job, job.outcome)
            self._fill()
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def pause(self, run_hash: str) -> None:
        """Stop a run where it is; its outcome is `paused`. Unknown runs are ignored."""
        job = self._jobs.get(run_hash)
        if job is not None:
            self._stop(job)
            self._settle(job, Outcome(status="paused"))
            self._fill()

    def cancel(self, run_hash: str) -> None:
        """Stop a run and forget it: no outcome comes. Unknown runs are ignored."""
        self._outcomes = [(run, outcome) for run, outcome in self._outcomes if run != run_hash]
        job = self._jobs.pop(run_hash, None)
        if job is not None:
            self._stop(job)
            self._fill()

    def progress(self) -> Sequence[Progress]:
        """Where every running run is at the simulated time."""
        found: list[Progress] = []
        for _, _, job in sorted(self._running, key=lambda entry: entry[1]):
            run = job.order.run
            steps = shape_at(run.recipe, run.scale, job.order.vocab).steps
            had = self._had(job)
            total = had + job.ends - self.now
            step = int(steps * had / total) if total > 0 else 0
            found.append(Progress(run_hash=job.order.run_hash, step=step, steps=steps))
        return found

    def close(self) -> None:
        """Pause everything; a last `poll` says so."""
        self._workers = 0
        for run in list(self._jobs):
            self.pause(run)

    def _fill(self) -> None:
        while self._queue and len(self._running) < self._workers:
            job = self._queue.popleft()
            order = job.order
            total = self._seconds(order) if self._seconds else job.outcome.seconds
            job.started = self.now
            job.ends = self.now + max(0.0, total - self._done.get(order.run_hash, 0.0))
            heapq.heappush(self._running, (job.ends, next(self._numbers), job))

    def _stop(self, job: _Job) -> None:
        """Take a job out of the queue or off its worker, and remember how much time it has had."""
        if job in self._queue:
            self._queue.remove(job)
        else:
            self._done[job.order.run_hash] = self._had(job)
            self._running = [entry for entry in self._running if entry[2] is not job]
            heapq.heapify(self._running)

    def _had(self, job: _Job) -> float:
        return self._done.get(job.order.run_hash, 0.0) + self.now - job.started

    def _settle(self, job: _Job, outcome: Outcome) -> None:
        run = job.order.run_hash
        del self._jobs[run]
        if outcome.status in ("finished", "diverged"):
            self._settled[run] = outcome
        self._outcomes.append((run, outcome))
