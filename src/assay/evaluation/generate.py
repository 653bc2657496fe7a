"""Text from a model, token by token."""

import math
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from assay.corpus.tokenizers.base import Tokenizer
from assay.training.model import GPT


@torch.no_grad()
def generate(
    model: GPT, prompt: Sequence[int], context: int, most: int, temperature: float = 1.0, seed: int = 0, top_k: int = 0
) -> Iterator[int]:
    """Yield at most `most` tokens that go on from a prompt; whoever asks stops earlier, at end of text for example.

    The same arguments give the same tokens. The model sees the last `context` tokens.

    Args:
        prompt: tokens, at least one: end of text begins a document.
        context: of the run's recipe, in tokens.
        temperature: logits are divided by it before they become probabilities; 0 takes the likeliest token.
        top_k: only so many of the likeliest tokens can be drawn; 0: all.
    """
    assert len(prompt) > 0
    draw = torch.Generator().manual_seed(seed)
    tokens = [int(token) for token in prompt]
    for _ in range(most):
        window_BT = torch.tensor([tokens[-context:]], device=model.embedding.weight.device)
        tokens.append(_next(model.logits(model.hidden(window_BT)[0, -1]).float().cpu(), temperature, top_k, draw))
        yield tokens[-1]


def _next(logits_V: Tensor, temperature: float, top_k: int, draw: torch.Generator) -> int:
    if temperature == 0:
        return int(logits_V.argmax())
    if 0 < top_k < len(logits_V):
        logits_V = logits_V.masked_fill(logits_V < logits_V.topk(top_k).values[-1], -math.inf)
    return int(torch.multinomial(torch.softmax(logits_V / temperature, dim=-1), 1, generator=draw))


def stream_text(tokens: Iterable[int], tokenizer: Tokenizer) -> Iterator[str]:
    """Text of tokens piece by piece, each as soon as its characters are whole, up to end of text."""
    read: list[int] = []
    shown = 0
    for token in tokens:
        if token == tokenizer.end_of_text:
            break
        read.append(token)
        whole = tokenizer.decode(read).rstrip("\ufffd")  # a character whose bytes have not all come yet
        if len(whole) > shown:
            yield whole[shown:]
            shown = len(whole)
    if rest := tokenizer.decode(read)[shown:]:
        yield rest
