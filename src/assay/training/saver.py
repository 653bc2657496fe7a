"""Saving checkpoints while training goes on: copied at once, written by a thread, kept by a rule."""

import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from torch import Tensor

from assay.corpus.workfolder import sync
from assay.training.checkpoint import STATE, SUMS, Checkpoint, part
from assay.training.devices.team import ALONE, Team
from assay.training.files import clear_when_full, write_durably
from assay.training.snapshot import Snapshot


class Saver:
    """Writes checkpoints into a folder. A context manager; leaving it waits until the last one is on disk.

    Args:
        folder: where they are kept.
        keep: newest ones that are kept.
        milestone_steps: those at multiples of it are kept for good; 0: none.
        found: the checkpoint that the run goes on from. Later ones are damaged, and go.
        team: processes that write parts of each checkpoint, all with a saver of their own.
    """

    def __init__(
        self, folder: Path, keep: int, milestone_steps: int = 0, found: Checkpoint | None = None, team: Team = ALONE
    ) -> None:
        self._folder = folder
        self._keep = keep
        self._team = team
        self._milestone_steps = milestone_steps
        self._whole = {step for step in _steps(folder) if found and step <= found.step}
        self._snapshots: dict[str, Snapshot] = {}
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def milestone(self, step: int) -> bool:
        """Whether the checkpoint of a step is to be kept for good."""
        return bool(self._milestone_steps) and step % self._milestone_steps == 0

    def prepare(self, tensors: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Have a thread lay out the memory for copies of such tensors, so that the first save waits for no pages."""
        self.wait()
        self._thread = threading.Thread(target=self._lay_out, args=(tensors,))
        self._thread.start()

    def _lay_out(self, tensors: Mapping[str, Mapping[str, Tensor]]) -> None:
        for name, named in tensors.items():
            snapshot = Snapshot(named)
            snapshot.touch()
            self._snapshots[name] = snapshot

    def save(
        self,
        state: dict[str, Any],
        tensors: Mapping[str, Mapping[str, Tensor]],
        last: bool = False,
        first: Callable[[], None] = lambda: None,
    ) -> None:
        """Save a checkpoint of `state["step"]` steps. Returns once everything is copied, and the one before written.

        Args:
            state: plain data for `state.json`.
            tensors: file name → named tensors.
            last: the run ends with this one: of the others only milestones are kept, and the first process writes all.
            first: called by the thread before anything is visible; what it waits for is on disk before the checkpoint.

        Raises:
            UserError: the disk was full when the checkpoint *before* was written; the ones before that are intact.
        """
        self.wait()
        for name, named in tensors.items():
            if name not in self._snapshots or not self._snapshots[name].fits(named):
                self._snapshots[name] = Snapshot(named)
            self._snapshots[name].take(named)
        text = (json.dumps(state) + "\n").encode()  # now: what it refers to goes on changing
        names = self._names(tensors, last)
        self._thread = threading.Thread(target=self._work, args=(state["step"], text, names, last, first))
        self._thread.start()

    def wait(self) -> None:
        """Wait until what was saved last is on disk. Raises `UserError` when the disk is full."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _work(self, step: int, state: bytes, names: dict[str, str], last: bool, first: Callable[[], None]) -> None:
        try:
            first()
            self._write(step, state, names)
            if self._team.rank == 0:
                self._prune(step, last)
        except BaseException as error:  # raised again by `wait`, where somebody hears it
            self._error = error

    def _names(self, tensors: Iterable[str], last: bool) -> dict[str, str]:
        """File names as they are on disk → as they were given."""
        if last or self._team.world == 1:
            return {name: name for name in tensors if self._team.rank == 0}
        return {part(name, self._team.rank, self._team.world): name for name in tensors}

    def _write(self, step: int, state: bytes, names: dict[str, str]) -> None:
        target = self._folder / _name(step)
        temporary = self._folder / f".tmp-{target.name}"
        files = {file: self._snapshots[name].parts() for file, name in names.items()}
        if self._team.rank == 0:
            files[STATE] = (memoryview(state),)
            shutil.rmtree(temporary, ignore_errors=True)
            with clear_when_full(temporary):
                temporary.mkdir(parents=True)
        self._team.gather_for_writing("the folder is there")
        try:
            lines: list[str] = []
            for name, parts in files.items():
                digest = hashlib.sha256()
                for piece in parts:
                    digest.update(piece)
                lines.append(f"{digest.hexdigest()}  {name}\n")
                write_durably(temporary / name, *parts)
            lines = [line for each in self._team.gather_for_writing(lines) for line in each]
            if self._team.rank > 0:
                return
            write_durably(temporary / SUMS, "".join(lines).encode())
            sync(temporary)
            if target.exists():  # the same step again: made anew from a checkpoint before it, or without its optimiser
                shutil.rmtree(target)
            temporary.rename(target)
            sync(self._folder)
        finally:
            if self._team.rank == 0:
                shutil.rmtree(temporary, ignore_errors=True)

    def _prune(self, step: int, last: bool) -> None:
        self._whole.add(step)
        newest = sorted(self._whole)[-1 if last else -self._keep :]
        self._whole = {step for step in self._whole if step in newest or self.milestone(step)}
        for other in _steps(self._folder) - self._whole:
            shutil.rmtree(self._folder / _name(other))
        for rest in self._folder.glob(".tmp-*"):
            shutil.rmtree(rest)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.wait()
        except BaseException:
            if error is None:  # else the first trouble is the one to tell
                raise


def _name(step: int) -> str:
    return f"step-{step:08d}"


def _steps(folder: Path) -> set[int]:
    return {int(path.name.removeprefix("step-")) for path in folder.glob("step-*")}
