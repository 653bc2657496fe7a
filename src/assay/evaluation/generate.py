"""Text from a model, token by token."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from assay.training.model import GPT


@torch.no_grad()
def generate(
    model: GPT, prompt: Sequence[int], context: int, most: int, temperature: float = 1.0, seed: int = 0
) -> Iterator[int]:
    """Yield at most `most` tokens that go on from a prompt; whoever asks stops earlier, at end of text for example.

    The same arguments give the same tokens. The model sees the last `context` tokens.

    Args:
        prompt: tokens, at least one: end of text begins a document.
        context: of the run's recipe, in tokens.
        temperature: logits are divided by it before they become probabilities; 0 takes the likeliest token.
    """
    assert len(prompt) > 0
    draw = torch.Generator().manual_seed(seed)
    tokens = [int(token) for token in prompt]
    for _ in range(most):
        window_BT = torch.tensor([tokens[-context:]], device=model.embedding.weight.device)
        tokens.append(_next(model(window_BT)[0, -1].float().cpu(), temperature, draw))
        yield tokens[-1]


def _next(logits_V: Tensor, temperature: float, draw: torch.Generator) -> int:
    if temperature == 0:
        return int(logits_V.argmax())
    return int(torch.multinomial(torch.softmax(logits_V / temperature, dim=-1), 1, generator=draw))
