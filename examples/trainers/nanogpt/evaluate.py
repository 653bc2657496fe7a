"""`python evaluate.py CHECKPOINT CORPUS SPANS`, in nanoGPT's folder: bits per byte of each domain, as a line of JSON.

The same way of scoring as assay's own: each span follows an end of text, and is read in chunks of the context length.
"""

import json
import math
import sys
from pathlib import Path

import torch
from torch.nn import functional as F

from assay.corpus.tokenizers.kinds import load_tokenizer

sys.path.insert(0, str(Path.cwd()))
from model import GPT, GPTConfig


@torch.no_grad()
def main(checkpoint: str, corpus: str, spans: str) -> None:
    state = torch.load(checkpoint, map_location="cpu")
    model = GPT(GPTConfig(**state["model_args"]))
    model.load_state_dict({name.removeprefix("_orig_mod."): weight for name, weight in state["model"].items()})
    model.eval()
    tokenizer, context = load_tokenizer(Path(corpus)), model.config.block_size
    nats: dict[str, float] = {}
    sizes: dict[str, int] = {}
    with Path(spans).open(encoding="utf-8") as file:
        for line in file:
            span = json.loads(line)
            text, domain = span["text"], span["domain"]
            tokens = torch.tensor([tokenizer.end_of_text, *tokenizer.encode_many([text])[0].tolist()])
            for start in range(0, len(tokens) - 1, context):
                piece = tokens[start : start + context + 1]
                logits, _ = model(piece[None, :-1], piece[None, 1:])  # with targets it gives logits everywhere
                loss = F.cross_entropy(logits[0], piece[1:], reduction="sum").item()
                nats[domain] = nats.get(domain, 0.0) + loss
            sizes[domain] = sizes.get(domain, 0) + len(text.encode())
    print(json.dumps({domain: nats[domain] / math.log(2) / sizes[domain] for domain in nats}))


if __name__ == "__main__":
    main(*sys.argv[1:])
