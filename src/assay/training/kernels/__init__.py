"""Quicker ways, on a CPU in fp32, to what plain PyTorch computes; one subject a file.

Each function here computes the same as a few plain operations, which stand in the same function and serve wherever
`usable` says no: on other devices, in other types, under `torch.compile`, `torch.func`, autocast or a dispatch mode
(FLOP counters among them). `plain()` asks for them outright. The others are `torch.autograd.Function`s with a
backward pass of their own; they are exact, deterministic and differentiable once.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

_asked_plain = False


@contextmanager
def plain() -> Iterator[None]:
    """Within, every kernel computes with plain operations."""
    global _asked_plain
    before, _asked_plain = _asked_plain, True
    try:
        yield
    finally:
        _asked_plain = before


def asked_plain() -> bool:
    """Whether this is within `plain()`."""
    return _asked_plain


def usable(x: Tensor) -> bool:
    """Whether the kernels may work on this tensor, and on others like it."""
    return (
        x.dtype is torch.float32
        and x.device.type == "cpu"
        and not _asked_plain
        and not torch.compiler.is_compiling()
        and not torch.is_autocast_enabled("cpu")
        and torch._C._functorch.maybe_current_level() is None  # pyright: ignore[reportAttributeAccessIssue]
        and torch._C._len_torch_dispatch_stack() == 0
    )
