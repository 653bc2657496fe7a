"""Which trainer a run belongs to. Compared runs never cross trainers, library versions or kinds of device."""

import hashlib
import platform
from importlib.metadata import version
from pathlib import Path

from assay.spec.base import canonical_json
from assay.spec.external import External
from assay.spec.hardware import Hardware

TRAINER_VERSION = 3  # raised whenever the same order would give other numbers than before


def trainer_identity(
    command: tuple[str, ...] = (), hardware: Hardware | None = None, external: External | None = None
) -> str:
    """Name of the built-in trainer with its versions; for another program, a hash of it and of its files.

    Does not import torch.
    """
    if external is not None:
        return f"{external.trainer.name}-{external.trainer.version} {_digest(external)} {platform.machine()}"
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


def _digest(external: External) -> str:
    """Hash of what trainer.toml says, and of the files that it and its commands name. Where they lie is not in it."""
    trainer, place = external.trainer, external.place
    digest = hashlib.sha256(canonical_json(trainer.identity()).encode())
    named = [(word, Path(external.folder, word)) for word in trainer.files]
    commands = (*trainer.prepare, *trainer.command, *(trainer.evaluation.command if trainer.evaluation else ()))
    named += [(word, place / word.replace("{trainer_dir}", external.folder)) for word in commands]
    for word, path in named:
        if path.is_file():
            with path.open("rb") as file:
                digest.update(f"\0{word}\0".encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
