"""Runs a step over documents: surveys, decisions and the application, batch by batch, in one process or several.

Memory does not grow with the input: surveys lie on disk between rounds, and only a few batches a worker are held. The
order of documents, and all that comes out, are the same for any number of workers and any cut into files.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from assay.corpus.steps.account import Account, Files
from assay.corpus.steps.pool import ordered
from assay.corpus.steps.step import Batch, Judged, Step
from assay.corpus.steps.surveys import Surveys
from assay.corpus.steps.tally import Tally, tally

Progress = Callable[[int, int | None, str], None]
"""Called with bytes done, bytes in all and what is being done."""


class Counted(Batch, Protocol):
    """A batch that knows the sizes and domains of its documents without reading them.

    Attributes:
        sizes: bytes of each text, (N,) int64.
        domains: (N,) indexes into the names beside them.
    """

    @property
    def sizes(self) -> np.ndarray: ...

    @property
    def domains(self) -> tuple[np.ndarray, list[str]]: ...


class Piece(Protocol):
    """A batch that has not been read yet; picklable. `done` counts bytes of the input up to its end."""

    @property
    def index(self) -> int: ...

    @property
    def shard(self) -> int: ...

    @property
    def done(self) -> int: ...

    def load(self) -> Counted: ...


class Input(Protocol):
    """Where documents come from.

    Attributes:
        size: bytes that a pass over it reads.
        bad: documents passed over, by what is wrong with them.
        passes: how often `prepare` reads all of it.
    """

    size: int

    @property
    def bad(self) -> dict[str, int]: ...

    @property
    def other_files(self) -> Mapping[str, Files]:
        """Files without text, by kind."""
        ...

    @property
    def passes(self) -> int: ...

    @property
    def names(self) -> Sequence[str]:
        """Of its shards."""
        ...

    def prepare(self, workers: int, progress: Callable[[int], None]) -> None:
        """Do what must be done before the first pass."""
        ...

    def pieces(self) -> Iterator[Piece]:
        """The batches in order; the same ones in every pass."""
        ...

    def check(self) -> None:
        """Raise `UserError` for what only the whole can tell; called after the first pass."""
        ...


@dataclass(frozen=True)
class Story:
    """What a step was and did, for the manifest of what comes out of it."""

    step: str
    parameters: dict[str, Any]
    account: Account
    report: dict[str, Any]


class Output(Protocol):
    """Where documents go. Nothing is seen under the final name before `publish` ends."""

    def open(self, work: Path, shards: Sequence[str]) -> None:
        """Begin, with one shard for each of the input. `work` is on the same disk."""
        ...

    def part(self, batch: Any, judged: Judged) -> Any:
        """What is to be written of a batch; called in a worker, returns something picklable."""
        ...

    def write(self, shard: int, part: Any) -> None:
        """Write it; called in the order of the documents."""
        ...

    def publish(self, story: Story) -> None: ...


def run_step(
    step: Step,
    source: Input,
    output: Output,
    work: Path,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> Account:
    """Run a step and publish what comes out.

    Args:
        work: an empty folder on the disk of the output, removed by the caller.
        workers: processes; 1 works in this one.

    Raises:
        UserError: the input cannot be read, or a worker was killed. Nothing is left under the final name.
    """
    wall, cpu = time.monotonic(), cpu_seconds()
    passes = _Passes(source.size, source.passes + step.rounds + 1, progress)
    passes.begin("looking for bad documents")
    source.prepare(workers, passes.at)
    if source.passes:
        passes.end()
    plan: Any = None
    for number in range(step.rounds):
        surveys = Surveys(work / f"survey-{number}")

        def survey(piece: Piece, number: int = number, plan: Any = plan, surveys: Surveys = surveys) -> int:
            surveys.save(piece.index, step.survey(number, piece.load(), plan))
            return piece.done

        passes.begin(f"{step.name}: survey {number + 1} of {step.rounds}")
        for done in ordered(survey, source.pieces(), workers):
            passes.at(done)
        if number == 0:
            source.check()
        passes.end()
        folder = work / f"decide-{number}"
        folder.mkdir()
        plan = step.decide(number, surveys, plan, folder)
    output.open(work, source.names)
    total = Tally()

    def apply(piece: Piece) -> tuple[int, int, Tally, Any]:
        batch = piece.load()
        judged = step.apply(batch, plan)
        counts = tally(batch.sizes, *batch.domains, judged)
        return piece.done, piece.shard, counts, output.part(batch, judged)

    passes.begin(step.name)
    for done, shard, counts, part in ordered(apply, source.pieces(), workers):
        total.add(counts)
        output.write(shard, part)
        passes.at(done)
    if not step.rounds:
        source.check()
    account = total.account(step.name, source.bad, source.other_files, time.monotonic() - wall, cpu_seconds() - cpu)
    report = step.report(plan)
    output.publish(Story(step.name, step.parameters(), account, report))
    return account.model_copy(update={"report": report})


def cpu_seconds() -> float:
    """Of this process and of those that it started and that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


class _Passes:
    """Progress through several passes over the same bytes."""

    def __init__(self, size: int, passes: int, progress: Progress | None) -> None:
        self._size, self._total, self._progress = size, size * passes, progress
        self._before, self._message = 0, ""

    def begin(self, message: str) -> None:
        self._message = message

    def at(self, done: int) -> None:
        if self._progress:
            self._progress(self._before + done, self._total, self._message)

    def end(self) -> None:
        self._before += self._size
