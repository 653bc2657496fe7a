"""nanoGPT, unmodified: its model and optimiser are imported from a checkout, and its training loop is restated here.

The loop of its `train.py` runs at import, so what that does on one CPU process without torch.compile is said again
below: `get_lr`, `get_batch`, forward, backward, clipping, step.
"""

import contextlib
import importlib.util
import io
import math
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import Missing
from torch import Tensor

GET_IT = "get it with `git clone https://github.com/karpathy/nanoGPT {folder}`, or say where it is with --nanogpt DIR"


@dataclass(frozen=True)
class Settings:
    """nanoGPT's published settings for small models on a CPU.

    Source: its README ("I only have a macbook") with `config/train_shakespeare_char.py`: rate 1e-3 to 1e-4 by a cosine,
    100 steps of warm-up, beta2 0.99, no dropout; the rest is `train.py`'s default.
    """

    learning_rate: float = 1e-3
    min_lr: float = 1e-4
    warmup_iters: int = 100
    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.99
    grad_clip: float = 1.0
    dropout: float = 0.0
    bias: bool = False


class Nanogpt:
    """A checkout of nanoGPT.

    Raises:
        Missing: there is none in the folder; the message says how to get it.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "model.py"
        if not path.is_file():
            raise Missing(f"no nanoGPT in {folder}; {GET_IT.format(folder=folder)}")
        spec = importlib.util.spec_from_file_location("nanogpt_model", path)
        assert spec is not None
        assert spec.loader is not None
        self._module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self._module)
        self.folder = folder

    @property
    def commit(self) -> str:
        """The commit that is checked out, where the folder is a clone."""
        asked = subprocess.run(
            ["git", "-C", str(self.folder), "rev-parse", "--short", "HEAD"], capture_output=True, text=True
        )
        return asked.stdout.strip() if (self.folder / ".git").exists() else "unknown"

    def model(
        self, width: int, depth: int, heads: int, context: int, vocab: int, settings: Settings | None = None
    ) -> torch.nn.Module:
        """A GPT with fresh weights, drawn from torch's global generator as `train.py` draws them."""
        settings = settings or Settings()
        config = self._module.GPTConfig(
            block_size=context, vocab_size=vocab, n_layer=depth, n_head=heads, n_embd=width,
            dropout=settings.dropout, bias=settings.bias,
        )  # fmt: skip
        with contextlib.redirect_stdout(io.StringIO()):
            return self._module.GPT(config)


def optimiser(model: Any, settings: Settings, device_type: str = "cpu") -> torch.optim.Optimizer:
    """nanoGPT's AdamW: decay on matrices and embeddings, none on vectors; fused on a GPU only."""
    with contextlib.redirect_stdout(io.StringIO()):
        return model.configure_optimizers(
            settings.weight_decay, settings.learning_rate, (settings.beta1, settings.beta2), device_type
        )


def get_lr(step: int, steps: int, settings: Settings) -> float:
    """The learning rate of a step: a linear rise, then half a cosine down to `min_lr` at the last one."""
    if step < settings.warmup_iters:
        return settings.learning_rate * (step + 1) / (settings.warmup_iters + 1)
    done = (step - settings.warmup_iters) / (steps - settings.warmup_iters)
    return settings.min_lr + 0.5 * (1.0 + math.cos(math.pi * done)) * (settings.learning_rate - settings.min_lr)


def get_batch(path: Path, context: int, batch: int) -> tuple[Tensor, Tensor]:
    """Random windows of a file of uint16 tokens, drawn by torch's global generator; the file is mapped anew."""
    data = np.memmap(path, dtype=np.uint16, mode="r")
    starts = torch.randint(len(data) - context, (batch,))
    x = torch.stack([torch.from_numpy(data[i : i + context].astype(np.int64)) for i in starts])
    y = torch.stack([torch.from_numpy(data[i + 1 : i + 1 + context].astype(np.int64)) for i in starts])
    return x, y


def train_step(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    tokens_BT: Tensor,
    targets_BT: Tensor,
    learning_rate: float,
    settings: Settings,
) -> float:
    """One step of `train.py` on one process with one micro-batch; the loss before it, nats a token."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    _, loss = model(tokens_BT, targets_BT)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), settings.grad_clip)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


def train(
    model: torch.nn.Module, tokens: Path, steps: int, batch: int, context: int, settings: Settings
) -> Iterator[float]:
    """nanoGPT's training of `steps` steps; yields each step's loss, nats a token."""
    optimizer = optimiser(model, settings)
    model.train()
    for step in range(steps):
        x, y = get_batch(tokens, context, batch)
        yield train_step(model, optimizer, x, y, get_lr(step, steps, settings), settings)


class AllLogits(torch.nn.Module):
    """nanoGPT's model from tokens (B, T) to logits (B, T, V); without targets it gives the last ones only."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model.eval()

    def forward(self, tokens_BT: Tensor) -> Tensor:
        return self.model(tokens_BT, tokens_BT)[0]


#: Names in nanoGPT's state and in that of assay's GPT with the empty recipe; both are parts of whole names.
_NAMES = (
    ("transformer.wte.weight", "embedding.weight"),
    ("transformer.wpe.weight", "positions"),
    ("transformer.ln_f.", "final_norm."),
    ("transformer.h.", "layers."),
    (".ln_1.", ".attention_norm."),
    (".ln_2.", ".mlp_norm."),
    (".attn.c_attn.", ".attention.qkv."),
    (".attn.c_proj.", ".attention.out."),
    (".mlp.c_fc.", ".mlp.up."),
    (".mlp.c_proj.", ".mlp.down."),
)


def weights_for_assay(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """nanoGPT's weights under the names of assay's GPT, for `load_state_dict`; the tied head is left out."""
    renamed: dict[str, Tensor] = {}
    for name, weight in state.items():
        if name == "lm_head.weight":
            continue
        for theirs, ours in _NAMES:
            name = name.replace(theirs, ours)
        renamed[name] = weight.detach().clone()
    return renamed
