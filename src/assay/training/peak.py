"""How fast this machine multiplies matrices: what the share of it that training uses (MFU) is measured against."""

import functools
import time

import torch

_SIZE = 768  # large enough to be near the peak, small enough to take 6 ms on a slow core
_TRIES = 5


@functools.cache
def peak_flops() -> float:
    """FLOPs a second of processor time of a 32-bit matrix product on one thread, the best of five.

    Measured once a process. Processes forked later inherit the number, so a warm parent measures it for all its runs.
    """
    a, b = torch.ones(_SIZE, _SIZE), torch.ones(_SIZE, _SIZE)
    out, fastest = torch.empty(_SIZE, _SIZE), float("inf")
    for _ in range(_TRIES + 1):  # the first one warms up, and is never the fastest
        begin = time.thread_time()
        torch.mm(a, b, out=out)
        fastest = min(fastest, time.thread_time() - begin)
    return 2 * _SIZE**3 / fastest
