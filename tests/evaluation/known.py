"""A model whose probabilities are known: the next byte depends on the last one by a table."""

import torch
from torch import Tensor, nn

from assay.corpus.tokenizers.bytes import Bytes
from assay.evaluation.reader import Reader

VOCAB = Bytes.vocab


class Table(nn.Module):
    """Looks like a GPT to a reader. `logits_VV` has a row for each last byte."""

    def __init__(self, logits_VV: Tensor) -> None:
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(logits_VV)

    def hidden(self, tokens_BT: Tensor) -> Tensor:
        return self.embedding(tokens_BT)

    def logits(self, x: Tensor) -> Tensor:
        return x

    def forward(self, tokens_BT: Tensor) -> Tensor:
        return self.embedding(tokens_BT)


def uniform() -> Reader:
    """Every byte and end of text are equally likely, always."""
    return Reader(Table(torch.zeros(VOCAB, VOCAB)), Bytes(), context=16)  # type: ignore[arg-type]


def unigram(likely: dict[str, float]) -> Reader:
    """Bytes of given probabilities; the others share what is left. What was before does not matter."""
    rest = (1 - sum(likely.values())) / (VOCAB - len(likely))
    row_V = torch.full((VOCAB,), rest)
    for character, probability in likely.items():
        row_V[ord(character)] = probability
    return Reader(Table(row_V.log().expand(VOCAB, VOCAB).clone()), Bytes(), context=16)  # type: ignore[arg-type]
