"""Generated text against what the model's probabilities say."""

import math

import pytest
import torch

from assay.corpus.tokenizers.bytes import Bytes
from assay.evaluation.generate import generate, stream_text
from tests.training.test_model import build

PROMPT = [256, *b"the quick brown fox jumps over a dog"]


def test_each_token_is_drawn_from_the_window_before_it() -> None:
    """Beyond the context too; by hand with the likeliest token."""
    model, shape = build()
    tokens = list(generate(model, PROMPT, shape.context, most=20, temperature=0))
    whole = PROMPT + tokens
    with torch.no_grad():
        for place in range(len(PROMPT), len(whole)):
            window = whole[max(0, place - shape.context) : place]
            assert int(model(torch.tensor([window]))[0, -1].argmax()) == whole[place]


@pytest.mark.parametrize("top_k", [0, 3])
def test_frequencies_follow_the_probabilities(top_k: int) -> None:
    model, shape = build()
    with torch.no_grad():
        logits = 2 * model(torch.tensor([PROMPT[-shape.context :]]))[0, -1]  # at half the temperature
    likely = logits.topk(top_k or 257)
    p = likely.values.softmax(-1)
    count, drawn = 800, torch.zeros(257)
    for seed in range(count):
        drawn[next(generate(model, PROMPT, shape.context, 1, temperature=0.5, seed=seed, top_k=top_k))] += 1
    assert drawn.sum() == drawn[likely.indices].sum() == count
    excess = ((drawn[likely.indices] - count * p) ** 2 / (count * p)).sum().item()
    freedom = len(p) - 1
    assert excess < freedom + 5 * math.sqrt(2 * freedom)  # chi-squared, five deviations


def test_characters_come_whole_and_text_ends_where_it_ends() -> None:
    tokens = [*"naïve €".encode(), 256, *b"never read"]
    assert list(stream_text(tokens, Bytes())) == ["n", "a", "ï", "v", "e", " ", "€"]
    assert list(stream_text([*"é".encode()[:1]], Bytes())) == ["\ufffd"]
