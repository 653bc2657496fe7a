"""A trained model as evaluation tasks use it: texts in, likelihoods and texts out.

A text is read after end of text, as a document begins in training. A prompt and what follows it are tokenised apart, so
that every answer begins at the same place. Where both together are longer than the model's context, the answer is kept
and the prompt is cut from the left; an answer longer than the context is predicted in pieces of a context each, every
piece with as much of what is before it as fits.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch

from assay.corpus.tokenizers.base import Tokenizer
from assay.evaluation.generate import generate
from assay.evaluation.score import TOKENS_AT_ONCE, span_losses
from assay.evaluation.task import Query
from assay.training.model import GPT

LOGITS_AT_ONCE = 1 << 24  # 64 MiB in fp32, whatever the vocabulary
TEXTS_AT_ONCE = 64
Tick = Callable[[int, int], None]  # tokens or texts done, of how many


class Answer(NamedTuple):
    """-ln p of a continuation, and whether each of its tokens was the likeliest one."""

    nats: float
    greedy: bool


class _Piece(NamedTuple):
    """Tokens to read at once. The last `predicted` of them are to be predicted."""

    query: int
    tokens: np.ndarray
    predicted: int


class Reader:
    """A model with its tokenizer.

    Args:
        context: most tokens that the model reads at once, of the run's recipe.
        tick: hears how far the present call has come.
        tokens_at_once: bounds the memory of a batch. Results depend on it by rounding only, less than 1e-5 nats.
    """

    def __init__(
        self,
        model: GPT,
        tokenizer: Tokenizer,
        context: int,
        tick: Tick = lambda _done, _of: None,
        tokens_at_once: int = TOKENS_AT_ONCE,
    ) -> None:
        self.model, self.tokenizer, self.context = model, tokenizer, context
        self._tick, self._tokens_at_once = tick, tokens_at_once

    @torch.no_grad()
    def continuations(self, queries: Sequence[Query]) -> list[Answer]:
        """The likelihood of each continuation. Queries of like length share a batch, the longest first."""
        pieces = sorted(self._pieces(queries), key=lambda piece: -len(piece.tokens))
        total = sum(len(piece.tokens) for piece in pieces)
        nats, greedy = [0.0] * len(queries), [True] * len(queries)
        first = done = 0
        while first < len(pieces):
            batch = pieces[first : first + max(1, self._tokens_at_once // len(pieces[first].tokens))]
            for piece, (loss, likeliest) in zip(batch, self._read(batch), strict=True):
                nats[piece.query] += loss
                greedy[piece.query] &= likeliest
            first += len(batch)
            done += sum(len(piece.tokens) for piece in batch)
            self._tick(done, total)
        return [Answer(n, g) for n, g in zip(nats, greedy, strict=True)]

    def texts(self, texts: Sequence[str]) -> list[float]:
        """-ln p of each text, in chunks that do not overlap, as a corpus's held-out spans are scored."""
        nats: list[float] = []
        for first in range(0, len(texts), TEXTS_AT_ONCE):
            encoded = self.tokenizer.encode_many(texts[first : first + TEXTS_AT_ONCE])
            streams = [np.concatenate(([self.tokenizer.end_of_text], tokens)) for tokens in encoded]
            nats += span_losses(self.model, streams, self.context)
            self._tick(len(nats), len(texts))
        return nats

    def write(self, prompts: Sequence[str], most: int, temperature: float, until: Sequence[str] = ()) -> Iterator[str]:
        """Yield what the model writes after each prompt: at most `most` tokens, up to end of text or one of `until`.

        Each prompt has its own random numbers, the same for every model.
        """
        for number, prompt in enumerate(prompts):
            tokens = [self.tokenizer.end_of_text, *self.tokenizer.encode(prompt).tolist()]
            yield self._written(generate(self.model, tokens, self.context, most, temperature, seed=number), until)
            self._tick(number + 1, len(prompts))

    def _written(self, tokens: Iterable[int], until: Sequence[str]) -> str:
        written: list[int] = []
        text = ""
        for token in tokens:
            if token == self.tokenizer.end_of_text:
                break
            written.append(token)
            text = self.tokenizer.decode(written)
            ends = [place for stop in until if (place := text.find(stop)) >= 0]
            if ends:
                return text[: min(ends)]
        return text

    def _pieces(self, queries: Sequence[Query]) -> Iterator[_Piece]:
        prompts = self.tokenizer.encode_many([query.prompt for query in queries])
        continuations = self.tokenizer.encode_many([query.continuation for query in queries])
        for number, (prompt, continuation) in enumerate(zip(prompts, continuations, strict=True)):
            tokens = np.concatenate(([self.tokenizer.end_of_text], prompt, continuation)).astype(np.int64)
            for start in range(len(tokens) - len(continuation), len(tokens), self.context):
                end = min(start + self.context, len(tokens))
                yield _Piece(number, tokens[max(0, end - 1 - self.context) : end], end - start)

    def _read(self, pieces: Sequence[_Piece]) -> list[tuple[float, bool]]:
        """Nats of each piece, and whether its predicted tokens were the likeliest; the longest piece is first."""
        device = self.model.embedding.weight.device
        length = len(pieces[0].tokens) - 1
        inputs_BT = torch.zeros(len(pieces), length, dtype=torch.int64)
        asked_BT = torch.zeros(len(pieces), length, dtype=torch.bool)
        for row, piece in enumerate(pieces):  # padding comes last, and attention does not look ahead
            end = len(piece.tokens) - 1
            inputs_BT[row, :end] = torch.from_numpy(piece.tokens[:-1])
            asked_BT[row, end - piece.predicted : end] = True
        targets_N = torch.from_numpy(np.concatenate([p.tokens[len(p.tokens) - p.predicted :] for p in pieces]))
        x_NC = self.model.hidden(inputs_BT.to(device))[asked_BT.to(device)]  # only what is asked for needs logits
        rows = max(1, LOGITS_AT_ONCE // self.tokenizer.vocab)
        nats: list[torch.Tensor] = []
        likeliest: list[torch.Tensor] = []
        for x, targets in zip(x_NC.split(rows), targets_N.to(device).split(rows), strict=True):
            logits_NV = self.model.logits(x).float()
            nats.append(torch.nn.functional.cross_entropy(logits_NV, targets, reduction="none").double().cpu())
            likeliest.append((logits_NV.argmax(-1) == targets).cpu())
        sizes = [piece.predicted for piece in pieces]
        return [
            (loss.sum().item(), bool(right.all()))
            for loss, right in zip(torch.cat(nats).split(sizes), torch.cat(likeliest).split(sizes), strict=True)
        ]
