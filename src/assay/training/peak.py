"""How fast this machine multiplies matrices: what the share of it that training uses (MFU) is measured against."""

import functools
import time

import torch

from assay.training.devices.device import CPU

_SIZE = 768  # large enough to be near the peak, small enough to take 6 ms on a slow core
_GPU_SIZE = 8192
_TRIES = 5
#: FLOPs a second in bf16 without sparsity, by a part of the device's name, from the makers' data sheets.
BF16_PEAKS = {
    "H200": 989.4e12, "H100 PCIe": 756e12, "H100 NVL": 835e12, "H100": 989.4e12, "A100": 312e12, "L40S": 362e12,
    "L4": 121e12, "A10": 125e12, "4090": 165.2e12, "V100": 125e12,
}  # fmt: skip


@functools.cache
def peak_flops(device: torch.device = CPU, precision: str = "fp32") -> float:
    """FLOPs a second of a matrix product on a device; on a CPU, a second of processor time on one thread.

    In bf16 on a GPU that is known, what its maker says; else the best of five measured, once a process. Processes
    forked later inherit the number, so a warm parent measures a CPU's for all its runs.
    """
    if known := _known(device, precision):
        return known
    size = _SIZE if device.type == "cpu" else _GPU_SIZE
    kind = torch.float32 if precision == "fp32" else torch.bfloat16
    a, b = torch.ones(size, size, dtype=kind, device=device), torch.ones(size, size, dtype=kind, device=device)
    now = time.thread_time if device.type == "cpu" else time.perf_counter
    out, fastest = torch.empty_like(a), float("inf")
    for _ in range(_TRIES + 1):  # the first one warms up, and is never the fastest
        begin = now()
        torch.mm(a, b, out=out)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        fastest = min(fastest, now() - begin)
    return 2 * size**3 / fastest


def peak_source(device: torch.device, precision: str) -> str:
    """Where `peak_flops` is from, in words."""
    if _known(device, precision):
        return "by its data sheet: bf16 without sparsity"
    return f"measured: {precision} matrix product" + (" on one thread" if device.type == "cpu" else "")


def _known(device: torch.device, precision: str) -> float | None:
    if device.type == "cpu" or precision != "bf16":
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak for part, peak in BF16_PEAKS.items() if part in name), None)
