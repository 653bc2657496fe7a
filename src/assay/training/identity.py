"""Which trainer a run belongs to. Compared runs never cross trainers, library versions or kinds of device."""

import hashlib
import platform
from importlib.metadata import version
from pathlib import Path

from assay.spec.hardware import Hardware

TRAINER_VERSION = 2  # raised whenever the same order would give other numbers than before


def trainer_identity(command: tuple[str, ...] = (), hardware: Hardware | None = None) -> str:
    """Name of the built-in trainer with its versions; for an external command, a hash of it and of its files.

    Does not import torch.
    """
    if not command:
        settings = hardware or Hardware()
        device = f"{settings.device}-{platform.machine()}"
        return f"assay-{TRAINER_VERSION} torch-{version('torch')} {device} {settings.words()}".rstrip()
    digest = hashlib.sha256()
    for part in command:
        digest.update(len(part).to_bytes(8, "little") + part.encode())
        if Path(part).is_file():
            with Path(part).open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return f"command-{digest.hexdigest()[:16]} {platform.machine()}"
