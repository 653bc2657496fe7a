"""`python evaluate.py CHECKPOINT SPANS`: bits per byte of each domain, as one line of JSON."""

import json
import math
import sys
from pathlib import Path

import torch
from torch.nn import functional as F
from train import Model

END_OF_TEXT = 256  # assay's byte tokenizer: byte values, and one token between documents


@torch.no_grad()
def main(checkpoint: str, spans: str) -> None:
    state = torch.load(checkpoint)
    settings = state["settings"]
    if settings["vocab"] != 257:
        raise SystemExit("this example reads bytes; make the lab with `assay init --tokenizer bytes`")
    model = Model(**settings)
    model.load_state_dict(state["model"])
    nats: dict[str, float] = {}
    sizes: dict[str, int] = {}
    with Path(spans).open(encoding="utf-8") as file:
        for line in file:
            span = json.loads(line)
            text = span["text"].encode()
            tokens = torch.tensor([END_OF_TEXT, *text])
            for start in range(0, len(tokens) - 1, settings["context"]):
                piece = tokens[start : start + settings["context"] + 1]
                loss = F.cross_entropy(model(piece[None, :-1])[0], piece[1:], reduction="sum").item()
                nats[span["domain"]] = nats.get(span["domain"], 0.0) + loss
            sizes[span["domain"]] = sizes.get(span["domain"], 0) + len(text)
    print(json.dumps({domain: nats[domain] / math.log(2) / sizes[domain] for domain in nats}))


if __name__ == "__main__":
    main(*sys.argv[1:])
