"""`python evaluate.py WEIGHTS SPANS`: bits per byte of each domain, as one line of JSON."""

import json
import math
import sys
from pathlib import Path

import numpy as np
from train import WINDOW, log_probabilities

END_OF_TEXT = 256  # assay's byte tokenizer: byte values, and one token between documents


def main(path: str, spans: str) -> None:
    weights = dict(np.load(path))
    nats: dict[str, float] = {}
    sizes: dict[str, int] = {}
    with Path(spans).open(encoding="utf-8") as file:
        for line in file:
            span = json.loads(line)
            text = np.frombuffer(span["text"].encode(), np.uint8).astype(np.int64)
            padded = np.concatenate((np.full(WINDOW, END_OF_TEXT), text))
            windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[: len(text)]
            logs, _ = log_probabilities(weights, windows)
            nats[span["domain"]] = nats.get(span["domain"], 0.0) - logs[np.arange(len(text)), text].sum()
            sizes[span["domain"]] = sizes.get(span["domain"], 0) + len(text)
    print(json.dumps({domain: nats[domain] / math.log(2) / sizes[domain] for domain in nats}))


if __name__ == "__main__":
    main(*sys.argv[1:])
