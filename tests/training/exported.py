"""Folders of runs whose weights are random, as if they had been trained."""

import hashlib
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from assay.spec.run import RunOrder
from assay.spec.scale import Scale, shape_at
from assay.training.model import GPT
from tests.training.tiny import write_order

SCALE = Scale(name="s", width=32, depth=3, flops=1e12)


def run_of(folder: Path, corpus: Path, change: dict[str, Any], seed: int = 0, vocab: int = 257) -> Path:
    """A run folder with a checkpoint in which every weight is random: gains and biases too."""
    order = RunOrder.model_validate_json(write_order(folder, corpus, change, SCALE).read_text())
    order = order.model_copy(update={"vocab": vocab})
    (folder / "run.json").write_text(order.model_dump_json())
    model = GPT(shape_at(order.run.recipe, SCALE, vocab), order.run.recipe.model, seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    step = folder / "checkpoint" / "step-00000001"
    step.mkdir(parents=True)
    files = {"model.safetensors": safetensors.torch.save(model.state_dict()), "state.json": b'{"step": 1}'}
    for name, data in files.items():
        (step / name).write_bytes(data)
    sums = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items()]
    (step / "SHA256SUMS").write_text("".join(sums))
    return folder
