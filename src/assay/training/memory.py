"""Running out of memory, in a sentence that says what would fit."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import torch

from assay.spec.errors import UserError
from assay.spec.memory import MARGIN, what_fits
from assay.spec.run import RunOrder
from assay.spec.scale import shape_at

_CONTAINER = Path("/sys/fs/cgroup")


def available_mb(device: str = "cpu") -> float:
    """Memory that this process could still get: of the device, or of machine, container and its own limit."""
    if device == "cuda":
        return torch.cuda.mem_get_info()[0] / 1e6
    found = [float(psutil.virtual_memory().available)]
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        found.append(limit - psutil.Process().memory_info().vms)
    with suppress(OSError, ValueError, KeyError):  # no container, or one without a limit ("max")
        limit = int((_CONTAINER / "memory.max").read_text())
        used = int((_CONTAINER / "memory.current").read_text())
        held = dict(line.split() for line in (_CONTAINER / "memory.stat").read_text().splitlines())
        # Files that are kept in memory give way.
        found.append(limit - used + int(held["inactive_file"]) + int(held["active_file"]))
    return max(0.0, min(found)) / 1e6


@contextmanager
def explained(order: RunOrder, runs: int = 1) -> Iterator[None]:
    """Turn running out of memory while `order` is trained into a `UserError` that says what would fit.

    Args:
        order: what is trained, or one of the runs that train together.
        runs: how many do.
    """
    have = available_mb(order.hardware.device)
    try:
        # A system that promises more memory than there is kills the process later, without a word.
        if order.hardware.device == "cpu" and order.hardware.processes == 1 and runs * _least_mb(order) > have:
            raise MemoryError
        yield
    except (MemoryError, torch.OutOfMemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not _is_about_memory(error):
            raise
        recipe = order.run.recipe
        shape = shape_at(recipe, order.run.scale, order.vocab)
        if runs > 1 and (fit := int(have / MARGIN / shape.memory_mb())):
            fit = min(fit, runs - 1)
            raise UserError(
                f"out of memory: {runs} packed runs need about {runs * shape.memory_mb():,.0f} MB, and there are "
                f"{have:,.0f} MB; execution.hardware.pack = {fit} would fit"
            ) from error
        raise UserError(f"out of memory: {what_fits(recipe, shape, have)}") from error


def _least_mb(order: RunOrder) -> float:
    """Memory that a run surely needs: weights, gradients and a moment of each, and what it keeps of activations."""
    shape = shape_at(order.run.recipe, order.run.scale, order.vocab)
    return max(12e-6 * shape.parameters, shape.memory_mb() / MARGIN)


def _is_about_memory(error: RuntimeError) -> bool:
    """PyTorch's allocator for processors has no exception of its own."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
