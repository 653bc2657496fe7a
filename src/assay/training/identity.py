"""Which trainer a run belongs to. Compared runs never cross trainers, library versions or kinds of device."""

import hashlib
import platform
from importlib.metadata import version
from pathlib import Path

TRAINER_VERSION = 1  # raised whenever the same order would give other numbers than before


def trainer_identity(command: tuple[str, ...] = ()) -> str:
    """Name of the built-in trainer with its versions; for an external command, a hash of it and of its files.

    Does not import torch.
    """
    if not command:
        return f"assay-{TRAINER_VERSION} torch-{version('torch')} cpu-{platform.machine()}"
    digest = hashlib.sha256()
    for part in command:
        digest.update(len(part).to_bytes(8, "little") + part.encode())
        if Path(part).is_file():
            with Path(part).open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return f"command-{digest.hexdigest()[:16]} {platform.machine()}"
