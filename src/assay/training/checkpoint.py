"""Checkpoints: safetensors and JSON, complete or not there at all.

    checkpoint/step-00000200/model.safetensors        weights by name
                             optimiser.safetensors    optimiser tensors; absent once a run has finished
                             average.safetensors      mean of the weights so far, while a recipe averages them; once
                                                      a run has finished, that mean is what model.safetensors holds
                             state.json               schema, run, step, and what else resuming needs
                             SHA256SUMS               checksums of the files above, as `sha256sum` writes them

Where weights are cut among the processes of a run, each writes its part, and the whole is theirs one after the other:

                             model.0-of-2.safetensors  rows of each tensor that process 0 has; what all have, too
                             model.1-of-2.safetensors  rows that process 1 has

A checkpoint is written into `checkpoint/.tmp-…`, fsynced and renamed (`assay.training.saver`); older ones go only after
that. `newest` gives the last one whose checksums are right, so a torn or damaged one falls back to the one before it.
"""

import hashlib
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, cast

import safetensors.torch
import torch
from torch import Tensor

from assay.spec.errors import UserError
from assay.spec.recipe import difference
from assay.spec.run import Run

SCHEMA = 2  # raised whenever older checkpoints could not be gone on with
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
        """The tensors of a file or of its parts, in memory of their own (aligned, so that products round as before)."""
        parts: dict[str, list[Tensor]] = {}
        for file in _files(self.sums, name):
            for key, tensor in safetensors.torch.load_file(self.path / file).items():
                parts.setdefault(key, []).append(tensor)
        return {key: torch.cat(each) if len(each) > 1 else each[0].clone() for key, each in parts.items()}

    def digest(self, name: str) -> str:
        """SHA-256 that stands for a file or for all of its parts."""
        sums = [self.sums[file] for file in _files(self.sums, name)]
        return sums[0] if len(sums) == 1 else hashlib.sha256(" ".join(sums).encode()).hexdigest()

    def check_run(self, run: Run) -> None:
        """Make sure that this is a checkpoint of `run`. External trainers need not say whose theirs are.

        Raises:
            UserError: it is another run's; the message says where the two differ.
        """
        if "run" not in self.state:
            return
        theirs = Run.parse(self.state["run"], f"{self.path / STATE}: run")
        if differences := [f"{key} is {a!r} there and {b!r} here" for key, (a, b) in _differences(theirs, run).items()]:
            raise UserError(
                f"{self.path} is a checkpoint of another run: {'; '.join(differences)}; "
                f"move it away to train this one anew"
            )

    def check_schema(self) -> None:
        """Make sure that training can go on from here. Raises `UserError` if it was written in another way."""
        schema = self.state.get("schema")
        if schema != SCHEMA:
            raise UserError(
                f"{self.path} has schema {schema or 'none'} where this trainer needs schema {SCHEMA} to go on; finish "
                f"the run with the version of assay that began it, or move the folder away to train it anew"
            )


def _differences(theirs: Run, ours: Run) -> dict[str, tuple[Any, Any]]:
    a, b = theirs.identity(), ours.identity()
    rest = {key: (a[key], b[key]) for key in a if key != "recipe" and a[key] != b[key]}
    return difference(theirs.recipe, ours.recipe) | rest


def newest(folder: Path) -> Checkpoint | None:
    """The last complete checkpoint, or None. Damaged ones are passed over, with a line on stderr."""
    for path in sorted(folder.glob("step-*"), reverse=True):
        try:
            return _read(path)
        except (OSError, ValueError, KeyError) as error:
            print(f"checkpoint {path.name} is damaged and was passed over: {error}", file=sys.stderr, flush=True)
    return None


def part(name: str, number: int, count: int) -> str:
    """Name of the part of a file that process `number` of `count` writes."""
    stem, dot, kind = name.partition(".")
    return f"{stem}.{number}-of-{count}{dot}{kind}"


def _files(sums: Iterable[str], name: str) -> list[str]:
    """The file, or its parts in order; none where one is missing."""
    if name in sums:
        return [name]
    stem, _, kind = name.partition(".")
    parts = [each for each in sums if re.fullmatch(rf"{stem}\.\d+-of-\d+\.{kind}", each)]
    count = len(parts)
    wanted = [part(name, number, count) for number in range(count)]
    return wanted if set(wanted) == set(parts) else []


def _read(path: Path) -> Checkpoint:
    sums = {name: digest for digest, name in (line.split() for line in (path / SUMS).read_text().splitlines())}
    for name, digest in sums.items():
        with (path / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                raise ValueError(f"the checksum of {name} is wrong")
    for name in (WEIGHTS, STATE):
        if not _files(sums, name):
            raise ValueError(f"{SUMS} does not list all of {name}")
    state = json.loads((path / STATE).read_text())
    if not isinstance(state, dict) or not isinstance(cast(dict[str, Any], state).get("step"), int):
        raise ValueError(f"{STATE} has no whole number 'step'")
    return Checkpoint(path, cast(dict[str, Any], state), sums)
