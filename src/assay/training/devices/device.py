"""One device: finding it, and what it says of itself."""

import shutil

import torch

from assay.spec.errors import UserError
from assay.spec.hardware import Hardware

CPU = torch.device("cpu")


def find(hardware: Hardware, local_rank: int = 0) -> torch.device:
    """The device of a process, which is the `local_rank`-th on its machine.

    Raises:
        UserError: there is none.
    """
    if hardware.device == "cpu":
        return CPU
    if not torch.cuda.is_available():
        raise UserError(
            "execution.hardware.device = 'cuda', but torch finds no GPU here; install a build of torch with CUDA and a "
            "driver for it (https://pytorch.org/get-started), or set device to 'cpu'"
        )
    if local_rank >= torch.cuda.device_count():
        raise UserError(
            f"execution.hardware.processes = {hardware.processes}, but torch finds {torch.cuda.device_count()} GPUs; "
            f"each process needs one of its own"
        )
    device = torch.device("cuda", local_rank)
    torch.cuda.set_device(device)
    return device


def compilable() -> None:
    """Raise `UserError` where torch.compile cannot work for want of a compiler."""
    if not any(shutil.which(name) for name in ("c++", "g++", "clang++")):
        raise UserError(
            "execution.hardware.compile = true, but this machine has no C++ compiler for torch.compile; install one "
            "(g++), or set compile to false"
        )
