"""Checkpoints: safetensors and JSON, complete or not there at all.

    checkpoint/step-00000200/model.safetensors        weights by name
                             optimiser.safetensors    optimiser tensors; absent once a run has finished
                             average.safetensors      mean of the weights so far, while a recipe averages them; once
                                                      a run has finished, that mean is what model.safetensors holds
                             state.json               step, and what else resuming needs
                             SHA256SUMS               checksums of the files above, as `sha256sum` writes them

A checkpoint is written into `checkpoint/.tmp-…`, fsynced and renamed; the older ones go only after that. `newest`
gives the last one whose checksums are right, so a torn or damaged one falls back to the one before it.
"""

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
from torch import Tensor

from assay.training.files import clear_when_full, fsync_folder, write_durably

WEIGHTS, OPTIMISER, AVERAGE = "model.safetensors", "optimiser.safetensors", "average.safetensors"
STATE, SUMS = "state.json", "SHA256SUMS"


class Checkpoint(NamedTuple):
    """A complete checkpoint on disk."""

    path: Path
    state: dict[str, Any]
    sums: dict[str, str]

    @property
    def step(self) -> int:
        """Steps done."""
        return self.state["step"]

    def tensors(self, name: str) -> dict[str, Tensor]:
        """The tensors of one file, in memory of their own (aligned, so that products round as before)."""
        return {key: tensor.clone() for key, tensor in safetensors.torch.load_file(self.path / name).items()}


def save(folder: Path, state: dict[str, Any], tensors: dict[str, dict[str, Tensor]]) -> None:
    """Write a checkpoint of `state["step"]` steps and remove all others.

    `tensors` maps file names to named tensors.

    Raises:
        UserError: the disk is full; the checkpoints that were there still are.
    """
    target = folder / f"step-{state['step']:08d}"
    temporary = folder / f".tmp-{target.name}"
    files = {name: safetensors.torch.save(named) for name, named in tensors.items()}
    files[STATE] = (json.dumps(state, indent=1) + "\n").encode()
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items()]
    files[SUMS] = "".join(lines).encode()
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        with clear_when_full(temporary):
            temporary.mkdir(parents=True)
        for name, data in files.items():
            write_durably(temporary / name, data)
        fsync_folder(temporary)
        if target.exists():  # the same step again: made anew from a checkpoint before it, or without its optimiser
            shutil.rmtree(target)
        temporary.rename(target)
        fsync_folder(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    for other in [*folder.glob("step-*"), *folder.glob(".tmp-*")]:
        if other != target:
            shutil.rmtree(other)


def newest(folder: Path) -> Checkpoint | None:
    """The last complete checkpoint, or None. Damaged ones are passed over, with a line on stderr."""
    for path in sorted(folder.glob("step-*"), reverse=True):
        try:
            return _read(path)
        except (OSError, ValueError, KeyError) as error:
            print(f"checkpoint {path.name} is damaged and was passed over: {error}", file=sys.stderr, flush=True)
    return None


def _read(path: Path) -> Checkpoint:
    sums = {name: digest for digest, name in (line.split() for line in (path / SUMS).read_text().splitlines())}
    for name, digest in sums.items():
        with (path / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                raise ValueError(f"the checksum of {name} is wrong")
    if missing := {WEIGHTS, STATE} - set(sums):
        raise ValueError(f"{SUMS} does not list {', '.join(sorted(missing))}")
    state = json.loads((path / STATE).read_text())
    if not isinstance(state.get("step"), int):
        raise ValueError(f"{STATE} has no whole number 'step'")
    return Checkpoint(path, state, sums)
