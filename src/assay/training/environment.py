"""The process a training or evaluation runs in: one thread, deterministic, and described for the record."""

import ctypes
import platform
import resource
import sys
from pathlib import Path

import numpy as np
import torch

from assay.spec.hardware import Hardware
from assay.training.devices.device import CPU, find
from assay.training.peak import peak_flops, peak_source

DEFAULT = Hardware()
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def prepare(hardware: Hardware = DEFAULT, local_rank: int = 0) -> None:
    """Set this process up so that the same run gives the same bits, quickly.

    On a CPU the same bits, that is; on a GPU the order of some sums varies.

    One thread: sums keep one order, and on small models a second run uses a second core better than a second thread.
    Memory is not filled before use: that costs time, and nothing here reads it unset.
    The C library keeps freed memory: activations come back each step, and handing them to the system in between
    costs up to a thousand page faults a step.

    Raises:
        UserError: there is no such device.
    """
    find(hardware, local_rank)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(hardware.device == "cpu")  # a GPU lacks some, and is slow with others
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc only
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, 1 << 30)
        mallopt(_M_MMAP_THRESHOLD, 1 << 30)


def describe(device: torch.device = CPU, precision: str = "fp32") -> dict[str, str]:
    """What ran, for `result.json`."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(),
        "device": f"cpu: {_processor()}"
        if device.type == "cpu"
        else f"{device.type}: {torch.cuda.get_device_name(device)}",
        "threads": str(torch.get_num_threads()),
        "peak": f"{peak_flops(device, precision) / 1e9:.0f} GFLOP/s, {peak_source(device, precision)}",
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip() + f", {torch.backends.cpu.get_cpu_capability()}"
    return platform.processor() or platform.machine()


def peak_memory_mb(device: torch.device = CPU) -> float:
    """The most memory this process has held on a device, in MB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
