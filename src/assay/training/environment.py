"""The process a training or evaluation runs in: one thread, deterministic, and described for the record."""

import ctypes
import platform
import resource
import sys
from pathlib import Path

import numpy as np
import torch

from assay.training.peak import peak_flops

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def prepare() -> None:
    """Set this process up so that the same run gives the same bits, quickly.

    One thread: sums keep one order, and on small models a second run uses a second core better than a second thread.
    Memory is not filled before use: that costs time, and nothing here reads it unset.
    The C library keeps freed memory: activations come back each step, and handing them to the system in between
    costs up to a thousand page faults a step.
    """
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc only
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, 1 << 30)
        mallopt(_M_MMAP_THRESHOLD, 1 << 30)


def describe() -> dict[str, str]:
    """What ran, for `result.json`."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(),
        "device": f"cpu: {_processor()}",
        "threads": str(torch.get_num_threads()),
        "peak": f"{peak_flops() / 1e9:.0f} GFLOP/s, measured: fp32 matrix product on one thread",
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip() + f", {torch.backends.cpu.get_cpu_capability()}"
    return platform.processor() or platform.machine()


def peak_memory_mb() -> float:
    """The most memory this process has held, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
