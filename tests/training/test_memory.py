"""Out of memory: what is said to fit does fit."""

import multiprocessing
import re
import resource
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from assay.spec.errors import UserError
from assay.spec.memory import what_fits
from assay.spec.recipe import changed
from assay.spec.run import RunOrder
from assay.spec.scale import Scale, shape_at
from assay.training.main import train
from assay.training.memory import explained
from assay.training.protocol import read_order
from tests.training.tiny import recipe, write_order

SCALE = Scale(name="wide", width=128, depth=4, flops=1e15)
CONTEXT = {"model.head_dim": 32, "data.context": 64}
ROOM = 600_000_000  # bytes


def limited(run_json: Path, connection: Any) -> None:
    limit = psutil.Process().memory_info().vms + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        connection.send(train(run_json).status)
    except UserError as error:
        connection.send(str(error))


def attempt(folder: Path, corpus: Path, batch: int) -> str:
    ours, theirs = multiprocessing.Pipe()
    run_json = write_order(folder, corpus, CONTEXT | {"data.batch": batch}, SCALE, stop_at_step=2)
    process = multiprocessing.get_context("fork").Process(target=limited, args=(run_json, theirs))
    process.start()
    theirs.close()  # so that a child that dies is an end of file
    process.join()
    return ours.recv()


def test_the_batch_that_is_named_fits(tmp_path: Path, corpus: Path) -> None:
    said = attempt(tmp_path / "large", corpus, 2000)
    found = re.fullmatch(
        r"out of memory: training needs about [\d,]+ MB, [\d,]+ MB of it for weights, gradients and optimiser, and "
        r"there are (\d+) MB; data\.batch = (\d+) would fit \(now 2000\)",
        said,
    )
    assert found, said
    assert int(found[1]) == pytest.approx(ROOM / 1e6, rel=0.05)
    assert attempt(tmp_path / "small", corpus, int(found[2])) == "paused"


def test_what_fits_depends_on_what_there_is() -> None:
    wide = changed(recipe(), CONTEXT | {"data.batch": 512})
    shape = shape_at(wide, SCALE, 257)
    batches = [
        int(found[1])
        for have in (400, 800, 1600)
        if (found := re.search(r"data\.batch = (\d+) would fit", what_fits(wide, shape, have)))
    ]
    assert len(batches) == 3
    assert batches == sorted(batches)
    fixed = 16e-6 * shape.parameters
    assert "data.batch = 1 with data.context = " in what_fits(wide, shape, 1.6 * fixed + 1)
    assert "no batch fits: choose a smaller scale" in what_fits(wide, shape, fixed)


@pytest.fixture
def order(tmp_path: Path, corpus: Path) -> RunOrder:
    return read_order(write_order(tmp_path, corpus))


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_every_kind_of_running_out_is_explained(error: Exception, order: RunOrder) -> None:
    with pytest.raises(UserError, match=r"out of memory: .*would fit"), explained(order):
        raise error


def test_other_trouble_is_not_about_memory(order: RunOrder) -> None:
    with pytest.raises(RuntimeError, match="shapes"), explained(order):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


def test_what_surely_does_not_fit_is_refused_at_once(order: RunOrder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux promises more memory than there is, and later kills who uses it."""
    monkeypatch.setattr("assay.training.memory.available_mb", lambda _: 0.1)
    expected = r"out of memory: training needs about .* choose a smaller scale"
    with pytest.raises(UserError, match=expected), explained(order):
        pytest.fail("training began")
