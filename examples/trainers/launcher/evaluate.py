"""`python evaluate.py CHECKPOINT SPANS ANSWER`: writes bits per byte of each domain as JSON."""

import json
import math
import sys
from pathlib import Path

import torch
from torch.nn import functional as F
from worker import Model

END_OF_TEXT = 256  # assay's byte tokenizer: byte values, and one token between documents


@torch.no_grad()
def main(checkpoint: str, spans: str, answer: str) -> None:
    state = torch.load(checkpoint)
    if state["sizes"]["vocab"] != 257:
        raise SystemExit("this example reads bytes; make the lab with `assay init --tokenizer bytes`")
    model = Model(**state["sizes"])
    model.load_state_dict(state["model"])
    nats: dict[str, float] = {}
    sizes: dict[str, int] = {}
    for line in Path(spans).read_text(encoding="utf-8").splitlines():
        span = json.loads(line)
        text, domain = span["text"].encode(), span["domain"]
        tokens = torch.tensor([END_OF_TEXT, *text])
        loss = F.cross_entropy(model(tokens[None, :-1])[0], tokens[1:], reduction="sum").item()
        nats[domain] = nats.get(domain, 0.0) + loss
        sizes[domain] = sizes.get(domain, 0) + len(text)
    Path(answer).write_text(json.dumps({domain: nats[domain] / math.log(2) / sizes[domain] for domain in nats}))


if __name__ == "__main__":
    main(*sys.argv[1:])
