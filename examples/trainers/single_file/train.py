"""A small GPT in one file. Every setting below is a flag: `python train.py --lr=0.001 --layers=4`.

It reads the text as assay lays it out: manifest.json, and little-endian 16-bit tokens in the files that it names.
"""

import json
import math
import signal
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

data = "corpus"  # folder with manifest.json
out = "out"  # folder for checkpoints
resume = False
seed = 0
steps = 200
batch = 8
context = 64
mixture = "null"  # weight of each domain, as JSON
layers, heads, width, mlp_ratio = 2, 2, 64, 4.0
vocab = 257
lr, min_lr, warmup = 1e-3, 1e-4, 10
schedule = "cosine"  # or "linear" or "constant"
weight_decay, beta1, beta2, clip = 0.1, 0.9, 0.99, 1.0
log_every = 1


class Block(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, length, width = x.shape
        q, k, v = (
            part.view(rows, length, self.heads, -1).transpose(1, 2) for part in self.qkv(self.norm1(x)).chunk(3, -1)
        )
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(seen.transpose(1, 2).reshape(rows, length, width))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Model(nn.Module):
    def __init__(self, vocab: int, context: int, layers: int, heads: int, width: int, hidden: int) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocab, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads, hidden) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        for parameter in self.parameters():
            if parameter.ndim == 2:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.tokens(tokens) + self.places.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.norm(x) @ self.tokens.weight.T


def read_flags() -> None:
    """Let `--name=value` replace the settings above, with their types."""
    settings = {name for name, value in globals().items() if isinstance(value, bool | int | float | str)}
    for word in sys.argv[1:]:
        name, equals, text = word.removeprefix("--").partition("=")
        if not equals or name.startswith("_") or name not in settings:
            raise SystemExit(f"unknown flag: {word}")
        kind = type(globals()[name])
        globals()[name] = text == "true" if kind is bool else kind(text)


def rate(step: int) -> float:
    if step < warmup:
        return lr * (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    if schedule == "constant":
        return lr
    return min_lr + (lr - min_lr) * (0.5 + 0.5 * math.cos(math.pi * done) if schedule == "cosine" else 1 - done)


def main() -> None:
    manifest = json.loads(Path(data, "manifest.json").read_text())
    streams = {
        name: np.concatenate([np.memmap(Path(data, shard), "<u2", "r") for shard in domain["train"]["shards"]])
        for name, domain in manifest["domains"].items()
    }
    weights = json.loads(mixture) or {name: len(stream) for name, stream in streams.items()}
    names = sorted(weights)
    shares = np.array([weights[name] for name in names], dtype=float)
    draw = np.random.default_rng(seed)
    torch.manual_seed(seed)
    hidden = round(width * mlp_ratio)
    model = Model(vocab, context, layers, heads, width, hidden)
    matrices = [p for p in model.parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=lr, betas=(beta1, beta2),
    )  # fmt: skip
    settings = {"vocab": vocab, "context": context, "layers": layers, "heads": heads, "width": width, "hidden": hidden}
    step, last, final = 0, Path(out, "last.pt"), Path(out, "final.pt")
    if resume:
        state = torch.load(last)
        step = state["step"]
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        draw.bit_generator.state = json.loads(state["draw"])
        print(f"resumed after step {step}")
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    while step < steps and not stopping:
        for group in optimiser.param_groups:
            group["lr"] = rate(step)
        rows = []
        for name in draw.choice(names, batch, p=shares / shares.sum()):
            start = draw.integers(len(streams[name]) - context)
            rows.append(streams[name][start : start + context + 1])
        window = torch.from_numpy(np.stack(rows).astype(np.int64))
        loss = F.cross_entropy(model(window[:, :-1]).flatten(0, 1), window[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimiser.step()
        step += 1
        if step % log_every == 0 or step == steps:
            print(f"step {step}: loss {loss.item():.6f}, lr {rate(step - 1):.3g}", flush=True)
    state = {"step": step, "model": model.state_dict(), "settings": settings}
    if step == steps:
        torch.save(state, final)
    else:
        draw_state = json.dumps(draw.bit_generator.state)
        torch.save(state | {"optimiser": optimiser.state_dict(), "draw": draw_state}, last.with_suffix(".tmp"))
        last.with_suffix(".tmp").rename(last)


if __name__ == "__main__":
    read_flags()
    main()
