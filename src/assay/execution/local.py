"""Runs on this machine: one process and one core each, first in, first out."""

import itertools
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.execution.attempts import end_killed
from assay.execution.confinement import UNCONFINED, Confinement
from assay.execution.folder import (
    REFUSED,
    Kind,
    answer,
    failed,
    last_metrics,
    next_step,
    paused,
    prepare_corpus,
    read_result,
    refusal,
    write_order,
    write_pack,
)
from assay.execution.launchers import ForkLauncher, Launcher, SpawnLauncher, describe
from assay.spec.errors import UserError
from assay.spec.packing import pack_key
from assay.spec.protocols import Progress
from assay.spec.run import Outcome, RunOrder


@dataclass(eq=False)
class _Job:
    """A run that is queued or has a process, which it may share with others: then the first one has the slot."""

    order: RunOrder
    folder: Path
    slot: int | None = None
    process: int = 0  # the launcher's id of the present process
    pid: int = 0
    kind: Kind = "train"
    crashes: int = 0
    steps: int = 0  # done when the present process began
    ending: str = ""  # "paused" or "cancelled", once that was asked for
    resubmitted: RunOrder | None = None  # ordered again while it was ending


class LocalExecutor:
    """Trains and evaluates runs on this machine's cores; see `assay.spec.protocols.Executor` for the contract.

    A run is a training process and then an evaluation process in the same slot. What is left to do is read from
    the run's folder, so a folder that is finished is answered without any process, one that was left half-way by
    a killed controller is gone on with, and one that an orphan of it still works on is waited for.

    A process that crashes (non-zero exit, killed, or no usable result) is started once more and goes on from the
    newest checkpoint; after a second crash the outcome is `failed`, with the end of the log. A pause is not a
    crash. A run that somebody else paused, with SIGTERM, is gone on with.

    Everything happens in the launcher's threads, so the next run starts whether or not the caller is polling.

    Args:
        workers: runs at a time, one core each.
        weights: weight of each domain in the deciding score, as in `lab.toml`.
        train: import path of what trains, given the path of `run.json`.
        evaluate: import path of what evaluates, given the run's folder.
        confinement: what keeps runs out of the lab's vault; None where there is no vault.
        fork: fork processes from a warm parent, or spawn each; by default fork where that is safe (Linux).
        grace_seconds: how long `close` waits for last checkpoints before it kills.
    """

    def __init__(
        self,
        workers: int,
        weights: dict[str, float],
        *,
        train: str = "assay.training.main:train",
        evaluate: str = "assay.evaluation.score:score_run",
        confinement: Confinement | None = None,
        fork: bool = sys.platform == "linux",
        grace_seconds: float = 60.0,
    ) -> None:
        assert workers > 0, "at least one worker"
        self._weights = weights
        self._launcher: Launcher = (ForkLauncher if fork else SpawnLauncher)(
            train, evaluate, grace_seconds, self._on_started, self._on_ended, confinement or UNCONFINED
        )
        self._changed = threading.Condition()
        self._jobs: dict[str, _Job] = {}
        self._queue: deque[_Job] = deque()
        self._free = list(range(workers))
        self._cores = _cores(workers)
        self._numbers = itertools.count(1)
        self._outcomes: list[tuple[str, Outcome]] = []
        self._closed = False
        self._error: BaseException | None = None

    def submit(self, order: RunOrder, folder: Path) -> None:
        """Queue a run, unless it is under way or its folder already answers the order.

        Raises:
            UserError: a file in the folder is unreadable, the order cannot be written (disk full), or the corpus is
                damaged.
        """
        prepare_corpus(order)
        with self._changed:
            assert not self._closed, "this executor is closed"
            job = self._jobs.get(order.run_hash)
            if job is not None and job.ending:
                job.resubmitted = order
                return
            if any(run == order.run_hash and outcome.status == "failed" for run, outcome in self._outcomes):
                return
            write_order(order, folder)
            if job is not None:
                job.order = order
                return
            outcome = answer(order, folder, self._weights)
            if outcome is None:
                job = _Job(order, folder)
                self._jobs[order.run_hash] = job
                self._queue.append(job)
                self._fill()
            elif (order.run_hash, outcome) not in self._outcomes:
                self._deliver(order.run_hash, outcome)

    def poll(self, timeout: float) -> list[tuple[str, Outcome]]:
        """Outcomes since the last poll, in the order in which they fell; waits up to `timeout` seconds for one."""
        with self._changed:
            self._changed.wait_for(lambda: self._outcomes or self._error, timeout)
            if self._error is not None:
                raise self._error
            outcomes, self._outcomes = self._outcomes, []
            return outcomes

    def pause(self, run_hash: str) -> None:
        """Stop a run at its next checkpoint; its outcome, `paused`, comes when it has. Unknown runs are ignored."""
        with self._changed:
            job = self._jobs.get(run_hash)
            if job is None:
                return
            job.resubmitted = None
            if not job.process:
                self._queue.remove(job)
                self._settle(job, paused(job.folder))
            elif job.ending:
                return
            else:
                job.ending = "paused"
                self._launcher.signal(job.process, signal.SIGTERM)

    def cancel(self, run_hash: str) -> None:
        """Stop a run at once and forget it: no outcome comes. Its folder stays. Unknown runs are ignored."""
        with self._changed:
            self._outcomes = [(run, outcome) for run, outcome in self._outcomes if run != run_hash]
            job = self._jobs.get(run_hash)
            if job is None:
                return
            if not job.process:
                self._queue.remove(job)
                del self._jobs[run_hash]
            else:
                job.ending, job.resubmitted = "cancelled", None
                self._launcher.signal(job.process, signal.SIGKILL)

    def progress(self) -> Sequence[Progress]:
        """Where every running training is, by the last line of its `metrics.jsonl`."""
        with self._changed:
            running = [job for job in self._jobs.values() if job.process]
        found: list[Progress] = []
        for job in running:
            metrics = last_metrics(job.folder)
            found.append(
                Progress(
                    run_hash=job.order.run_hash,
                    step=int(metrics.get("step", 0)),
                    steps=job.order.steps,
                    loss=metrics.get("loss"),
                    tokens_per_second=metrics.get("tokens_per_second"),
                )
            )
        return found

    def close(self) -> None:
        """Pause what runs, wait for it, and end all processes. A last `poll` says what was paused."""
        with self._changed:
            self._closed = True
            while self._queue:
                job = self._queue.popleft()
                self._settle(job, paused(job.folder))
            for job in self._jobs.values():
                job.ending = job.ending or "paused"
        self._launcher.close()

    def _fill(self) -> None:
        while self._free and self._queue and not self._closed:
            job = self._queue.popleft()
            job.slot = self._free.pop(0)
            self._go_on(job)

    def _go_on(self, job: _Job) -> None:
        """Start a process for what the folder says is left to do, or settle the run."""
        try:
            kind = next_step(job.order, job.folder)
            result = read_result(job.folder)
            outcome = answer(job.order, job.folder, self._weights)
        except UserError as error:
            kind, result, outcome = None, None, failed(job.folder, str(error))
        if kind is None:
            self._settle(job, outcome)
            return
        assert job.slot is not None
        job.kind, job.steps = kind, result.steps if result else 0
        job.process, job.pid = next(self._numbers), 0
        core = self._cores[job.slot] if self._cores and job.order.hardware.processes == 1 else None
        if job.order.hardware.packed and kind == "train":
            write_pack(job.folder, [mate.folder for mate in self._mates(job)])
        self._launcher.start(job.process, job.folder, kind, core)

    def _mates(self, leader: _Job) -> list[_Job]:
        """Queued runs that can train in the leader's process; they leave the queue and share it from now on.

        What has crashed once goes on alone, so that one bad run cannot take others along twice.
        """
        key, found = None if leader.crashes else pack_key(leader.order), list[_Job]()
        for job in list(self._queue) if key else ():
            if len(found) + 1 == leader.order.hardware.most_packed:
                break
            try:
                result = read_result(job.folder)
                fits = pack_key(job.order) == key and next_step(job.order, job.folder) == "train" and not job.crashes
            except UserError:  # said when its own turn comes
                continue
            if fits:
                self._queue.remove(job)
                job.kind, job.steps = "train", result.steps if result else 0
                job.process, job.pid = leader.process, 0
                found.append(job)
        return found

    def _settle(self, job: _Job, outcome: Outcome | None) -> None:
        """A run is over for now: free its slot, deliver the outcome, and queue it again if it was so ordered."""
        del self._jobs[job.order.run_hash]
        job.process = 0
        if job.slot is not None:
            self._free.append(job.slot)
        if outcome is not None:
            self._deliver(job.order.run_hash, outcome)
        if job.resubmitted is not None and not self._closed:
            self.submit(job.resubmitted, job.folder)
        self._fill()

    def _deliver(self, run_hash: str, outcome: Outcome) -> None:
        self._outcomes.append((run_hash, outcome))
        self._changed.notify_all()

    def _on_started(self, process: int, pid: int) -> None:
        with self._changed:
            for job in self._jobs.values():
                if job.process == process:
                    job.pid = pid

    def _on_ended(self, process: int, code: int | None, note: str) -> None:
        try:
            with self._changed:
                ended = [job for job in self._jobs.values() if job.process == process]
                assert ended, "a process that nobody started"
                # One that was asked to stop takes its mates along, which is no fault of theirs.
                asked = any(job.ending for job in ended)
                for job in ended:
                    self._after(job, code, note, asked)
                self._fill()
        except BaseException as error:  # a listener that died in silence would leave `poll` waiting for ever
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _after(self, job: _Job, code: int | None, note: str, asked: bool) -> None:
        """Decide what follows a process's end for one of its runs. `asked`: one of them was asked to stop."""
        if code is not None and code < 0:
            end_killed(job.folder, job.pid, job.ending or f"killed by {describe(code)}")
        if job.ending == "cancelled":
            self._settle(job, None)
            return
        said = refusal(job.folder) if code == REFUSED else ""
        ended = f"ended with {describe(code)}" if code else ""
        trouble = note if code is None else said or ended or self._unusable(job)
        if job.ending == "paused":
            outcome = None if trouble else answer(job.order, job.folder, self._weights)
            self._settle(job, outcome or paused(job.folder))
        elif not trouble or asked:
            self._again(job)
        else:
            job.crashes += 1
            if job.crashes > 1:
                what = "training" if job.kind == "train" else "evaluation"
                why = f"{what} failed twice, the last time: {trouble}"
                own = job.order.external is None and not job.order.command  # else the log's end says more
                self._settle(job, Outcome(status="failed", message=said) if said and own else failed(job.folder, why))
            else:
                self._again(job)

    def _again(self, job: _Job) -> None:
        """Go on with a run whose process has ended: in its slot, or, where another one has that, when one is free."""
        if job.slot is not None:
            self._go_on(job)
        else:
            job.process = 0
            self._queue.appendleft(job)

    def _unusable(self, job: _Job) -> str:
        """Why a process that ended well did not bring the run on; empty if it did."""
        try:
            result = read_result(job.folder)
            left = next_step(job.order, job.folder)
        except UserError as error:
            return str(error)
        if left != job.kind or (result is not None and result.status == "paused" and result.steps > job.steps):
            return ""
        return "ended well but left no new " + ("result.json" if job.kind == "train" else "scores.json")


def _cores(workers: int) -> list[int]:
    """The core of each slot, if the slots are to have all of this machine's cores; else none.

    With fewer slots than cores the system places processes better than we can, knowing what else runs.
    """
    if not hasattr(os, "sched_getaffinity"):
        return []
    cores = sorted(os.sched_getaffinity(0))
    return cores if len(cores) == workers else []
