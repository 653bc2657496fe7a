"""`python train.py CONFIG`: a language model without PyTorch. An MLP predicts the next byte from the last eight.

Bengio et al. 2003, "A Neural Probabilistic Language Model", with gradients written out by hand and Adam.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

WINDOW = 8  # bytes that a prediction sees

Weights = dict[str, np.ndarray]


def initial(vocab: int, width: int, hidden: int, draw: np.random.Generator) -> Weights:
    inputs = WINDOW * width
    return {
        "embedding": 0.1 * draw.standard_normal((vocab, width)),
        "up": draw.standard_normal((inputs, hidden)) / np.sqrt(inputs),
        "bias": np.zeros(hidden),
        "out": 0.1 * draw.standard_normal((hidden, vocab)) / np.sqrt(hidden),
    }


def log_probabilities(weights: Weights, windows: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """ln p of every next byte, shape (N, vocab), for windows of shape (N, WINDOW); and what the gradient needs."""
    x = weights["embedding"][windows].reshape(len(windows), -1)
    h = np.tanh(x @ weights["up"] + weights["bias"])
    logits = h @ weights["out"]
    logits -= logits.max(1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(1, keepdims=True)), (x, h)


def gradients(weights: Weights, windows: np.ndarray, targets: np.ndarray) -> tuple[float, Weights]:
    """Mean loss in nats, and its derivatives."""
    logs, (x, h) = log_probabilities(weights, windows)
    rows = np.arange(len(targets))
    d_logits = np.exp(logs)
    d_logits[rows, targets] -= 1
    d_logits /= len(targets)
    d_pre = (d_logits @ weights["out"].T) * (1 - h**2)
    d_x = (d_pre @ weights["up"].T).reshape(len(windows), WINDOW, -1)
    d_embedding = np.zeros_like(weights["embedding"])
    np.add.at(d_embedding, windows, d_x)
    found = {"embedding": d_embedding, "up": x.T @ d_pre, "bias": d_pre.sum(0), "out": h.T @ d_logits}
    return float(-logs[rows, targets].mean()), found


def main(config: dict[str, Any]) -> None:
    folder = Path(config["data"])
    manifest = json.loads((folder / "manifest.json").read_text())
    shards = [shard for domain in manifest["domains"].values() for shard in domain["train"]["shards"]]
    stream = np.concatenate([np.fromfile(folder / shard, "<u2") for shard in shards])
    weights = initial(config["vocab"], config["width"], config["hidden"], np.random.default_rng(config["init_seed"]))
    draw = np.random.default_rng(config["data_seed"])
    mean = {name: np.zeros_like(weight) for name, weight in weights.items()}
    square = {name: np.zeros_like(weight) for name, weight in weights.items()}
    beta1, beta2 = config["betas"]
    with Path(config["log"]).open("w") as log:
        for step in range(1, config["steps"] + 1):
            places = draw.integers(WINDOW, len(stream), size=config["tokens"])
            windows = np.stack([stream[place - WINDOW : place] for place in places])
            loss, slopes = gradients(weights, windows, stream[places])
            lr = config["lr"] * (1 - (1 - config["final"]) * step / config["steps"])
            for name, slope in slopes.items():
                mean[name] += (1 - beta1) * (slope - mean[name])
                square[name] += (1 - beta2) * (slope**2 - square[name])
                update = mean[name] / (1 - beta1**step) / (np.sqrt(square[name] / (1 - beta2**step)) + 1e-8)
                weights[name] = weights[name] - lr * update
            log.write(json.dumps({"n": step, "nats": loss, "lr": lr}) + "\n")
            log.flush()
    np.savez(Path(config["out"], "weights.npz"), **weights)


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
