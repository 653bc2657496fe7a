"""One process of a training: a GRU language model, trained as a config file says. Losses go to a CSV file."""

import json
import os
import signal
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Model(nn.Module):
    def __init__(self, vocab: int, width: int, layers: int) -> None:
        super().__init__()
        self.embedding, self.gru = nn.Embedding(vocab, width), nn.GRU(width, width, layers, batch_first=True)
        self.head = nn.Linear(width, vocab)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.gru(self.embedding(tokens))[0])


def average_gradients(model: nn.Module, world: int) -> None:
    """Each process reads its own part of a batch."""
    if world > 1:
        for parameter in model.parameters():
            torch.distributed.all_reduce(parameter.grad)
            parameter.grad /= world


def main(config: dict[str, Any]) -> None:
    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    paths, sizes, training = config["paths"], config["model"], config["training"]
    if world > 1:
        rendezvous = f"file://{paths['out']}/rendezvous"
        torch.distributed.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=world)
    manifest = json.loads(Path(paths["data"], "manifest.json").read_text())
    shards = [shard for domain in manifest["domains"].values() for shard in domain["train"]["shards"]]
    stream = np.concatenate([np.memmap(Path(paths["data"], shard), "<u2", "r") for shard in shards])
    torch.manual_seed(training["init_seed"])
    model = Model(sizes["vocab"], sizes["width"], sizes["layers"])
    optimiser = torch.optim.AdamW(model.parameters(), lr=training["lr"], weight_decay=training["weight_decay"])
    draw = np.random.default_rng([training["data_seed"], rank])
    step, last = 0, Path(paths["out"], f"last-{rank}.pt")
    if training["resume"]:
        state = torch.load(last)
        step = state["step"]
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        draw.bit_generator.state = json.loads(state["draw"])
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    with Path(paths["log"]).open("a" if training["resume"] else "w") as log:
        if not training["resume"]:
            log.write("iteration,train_loss\n")
        while step < training["steps"] and not stopping:
            starts = draw.integers(len(stream) - training["context"], size=training["batch"] // world)
            rows = np.stack([stream[start : start + training["context"] + 1] for start in starts])
            window = torch.from_numpy(rows.astype(np.int64))
            loss = F.cross_entropy(model(window[:, :-1]).flatten(0, 1), window[:, 1:].flatten())
            optimiser.zero_grad()
            loss.backward()
            average_gradients(model, world)
            if training["clip"]:
                nn.utils.clip_grad_norm_(model.parameters(), training["clip"])
            optimiser.step()
            if rank == 0:
                log.write(f"{step},{loss.item()}\n")
                log.flush()
            step += 1
    state = {"step": step, "model": model.state_dict(), "sizes": sizes}
    if step < training["steps"]:
        torch.save(state | {"optimiser": optimiser.state_dict(), "draw": json.dumps(draw.bit_generator.state)}, last)
    elif rank == 0:
        torch.save(state, Path(paths["out"], "final.pt"))


if __name__ == "__main__":
    main(tomllib.loads(Path(sys.argv[1]).read_text()))
