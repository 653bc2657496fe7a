import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.corpus.tokenizers.base import Tokenizer
from assay.corpus.tokenizers.bpe import train_bpe
from assay.corpus.tokenizers.bytes import Bytes
from assay.corpus.tokenizers.hf import HuggingFace
from assay.evaluation.generate import generate
from assay.evaluation.reader import Query, Reader
from assay.evaluation.score import span_losses
from assay.spec.recipe import Recipe
from assay.spec.scale import shape_at
from assay.training.model import GPT
from tests.evaluation.known import Table, uniform, unigram
from tests.training.tiny import TINY, recipe, text

CONTEXT = 16
BPE = HuggingFace(train_bpe([text(i, 200).encode() for i in range(20)], 300))


def make(vocab: int, chosen: Recipe) -> GPT:
    model = GPT(shape_at(chosen, TINY, vocab), chosen.model, seed=1)
    for weight in model.parameters():
        if weight.ndim > 1:
            weight.data.mul_(15)
    return model.eval()


MODERN = {
    "model.position": "rope", "model.mlp": "swiglu", "model.qk_norm": True, "model.window": 5,
    "model.value_embeddings": True, "model.logit_softcap": 15.0, "model.tied_embeddings": False,
}  # fmt: skip
MODELS = [
    (make(257, recipe()), Bytes()),
    (make(257, recipe(MODERN)), Bytes()),
    (make(257, recipe({"model.experts": 4, "model.shared_expert": True})), Bytes()),
    (make(BPE.vocab, recipe()), BPE),
]
IDS = ["defaults", "modern", "experts", "bpe"]


def by_hand(model: GPT, tokenizer: Tokenizer, query: Query) -> tuple[float, bool]:
    """The documented rule, a token at a time, in a batch of one: an answer's tokens go in pieces of a context, and a
    piece sees as much before its last prediction as fits."""
    answer = tokenizer.encode(query.continuation).tolist()
    tokens = [tokenizer.end_of_text, *tokenizer.encode(query.prompt).tolist(), *answer]
    before = len(tokens) - len(answer)
    nats, greedy = 0.0, True
    for place in range(before, len(tokens)):
        piece_end = min(before + ((place - before) // CONTEXT + 1) * CONTEXT, len(tokens))
        seen = tokens[max(0, piece_end - 1 - CONTEXT) : place]
        assert 0 < len(seen) <= CONTEXT
        with torch.no_grad():
            logits = model(torch.tensor([seen]))[0, -1].double()
        nats -= (logits[tokens[place]] - logits.logsumexp(0)).item()
        greedy &= int(logits.argmax()) == tokens[place]
    return nats, greedy


@pytest.mark.parametrize(("model", "tokenizer"), MODELS, ids=IDS)
def test_likelihoods_are_what_a_loop_over_single_tokens_finds(model: GPT, tokenizer: Tokenizer) -> None:
    lengths = [(0, 1), (1, 1), (0, 4), (3, 1), (2, 2), (9, 1), (1, 9), (0, 12), (12, 3)]
    queries = [Query(text(i, before), " " + text(50 + i, after)) for i, (before, after) in enumerate(lengths)]
    found = Reader(model, tokenizer, CONTEXT, tokens_at_once=64).continuations(queries)
    for query, answer in zip(queries, found, strict=True):
        nats, greedy = by_hand(model, tokenizer, query)
        assert answer.nats == pytest.approx(nats, abs=1e-5 * max(1, len(query.continuation)))
        assert answer.greedy == greedy


texts = st.text(st.characters(codec="utf-8"), max_size=30)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.builds(Query, texts, texts), min_size=1, max_size=6), st.integers(1, 500))
def test_batches_change_nothing(queries: list[Query], tokens_at_once: int) -> None:
    model, tokenizer = MODELS[0]
    one = Reader(model, tokenizer, CONTEXT, tokens_at_once=1).continuations(queries)
    many = Reader(model, tokenizer, CONTEXT, tokens_at_once=tokens_at_once).continuations(queries)
    for a, b in zip(one, many, strict=True):
        assert a.nats == pytest.approx(b.nats, abs=1e-5)
        assert a.greedy == b.greedy


def test_a_prompt_that_is_too_long_is_cut_from_the_left() -> None:
    model, tokenizer = MODELS[0]
    reader = Reader(model, tokenizer, CONTEXT)
    answer = " an end"  # 7 bytes, so that 10 of the prompt are seen
    long, cut = reader.continuations([Query("x" * 40 + "0123456789", answer), Query("yyyy 0123456789", answer)])
    assert long.nats == pytest.approx(cut.nats, abs=1e-6)
    other = reader.continuations([Query("x" * 40 + "1123456789", answer)])[0]
    assert abs(other.nats - long.nats) > 1e-3


def test_known_probabilities() -> None:
    assert [answer.nats for answer in uniform().continuations([Query("ab", "cde"), Query("", "x" * 40)])] == (
        pytest.approx([3 * math.log(257), 40 * math.log(257)], rel=1e-6)
    )
    found = unigram({"a": 0.5, "b": 0.25}).continuations([Query("q", "ab"), Query("", "aa"), Query("", "b")])
    assert [answer.nats for answer in found] == pytest.approx([math.log(8), math.log(4), math.log(4)], rel=1e-6)
    assert [answer.greedy for answer in found] == [False, True, False]


def test_the_tick_hears_every_token_once() -> None:
    model, tokenizer = MODELS[0]
    heard: list[tuple[int, int]] = []
    reader = Reader(model, tokenizer, CONTEXT, tick=lambda done, of: heard.append((done, of)), tokens_at_once=20)
    reader.continuations([Query("one", text(i, i)) for i in range(6)])
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)
    assert heard[-1][0] == heard[-1][1] == heard[0][1]


def test_generation_follows_the_model_s_probabilities() -> None:
    """Of 1,000 draws, half are "a" and a quarter "b" (five standard errors)."""
    model = unigram({"a": 0.5, "b": 0.25, "c": 0.25 - 1e-6}).model
    drawn = list(generate(model, [0], context=16, most=1000, seed=5))
    assert drawn.count(ord("a")) / 1000 == pytest.approx(0.5, abs=5 * 0.5 / math.sqrt(1000))
    assert drawn.count(ord("b")) / 1000 == pytest.approx(0.25, abs=5 * math.sqrt(3 / 16 / 1000))
    assert drawn == list(generate(model, [0], context=16, most=1000, seed=5))
    assert drawn != list(generate(model, [0], context=16, most=1000, seed=6))
    assert set(generate(model, [0], context=16, most=50, temperature=0)) == {ord("a")}
    colder = list(generate(model, [0], context=16, most=1000, temperature=0.5, seed=5))
    squares = 0.5**2 / (0.5**2 + 2 * 0.25**2)  # p^(1/0.5), normalised
    assert colder.count(ord("a")) / 1000 == pytest.approx(squares, abs=5 * 0.5 / math.sqrt(1000))


def test_writing_stops_at_end_of_text_and_at_words_that_end_it() -> None:
    """A table that spells "abcd" again and again, or ends after "c"."""
    table = torch.full((257, 257), -50.0)
    for last, following in zip(("a", "b", "c", "d"), ("b", "c", "d", "a"), strict=True):
        table[ord(last), ord(following)] = 0
    reader = Reader(Table(table), Bytes(), context=16)  # type: ignore[arg-type]
    assert list(reader.write(["a", "xd"], most=6, temperature=0)) == ["bcdabc", "abcdab"]
    assert list(reader.write(["a"], most=60, temperature=0, until=["da", "zz"])) == ["bc"]
    table[ord("c"), 256] = 1
    reader = Reader(Table(table), Bytes(), context=16)  # type: ignore[arg-type]
    assert list(reader.write(["a"], most=60, temperature=0)) == ["bc"]


def test_texts_are_scored_as_held_out_spans_are() -> None:
    model, tokenizer = MODELS[3]
    passages = [text(i, 4 * i + 1) for i in range(5)]
    streams = [np.array([tokenizer.end_of_text, *tokenizer.encode(passage)]) for passage in passages]
    assert Reader(model, tokenizer, CONTEXT).texts(passages) == span_losses(model, streams, CONTEXT)
    alone = [Reader(model, tokenizer, CONTEXT).texts([passage])[0] for passage in passages]
    assert Reader(model, tokenizer, CONTEXT).texts(passages * 30) == pytest.approx(alone * 30, rel=1e-5)
