"""What every kind of tokenizer must do, whatever it is made from."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from assay.corpus.tokenizers.base import END_OF_TEXT, Tokenizer, token_type
from assay.corpus.tokenizers.bpe import train_bpe
from assay.corpus.tokenizers.kinds import tokenizer_named
from assay.spec.registry import names

#: A name of each kind, given a folder that may be written to.
NAMES: dict[str, Callable[[Path], str]] = {
    "bytes": lambda _: "bytes",
    "bpe": lambda _: "bpe:300",
    "hf": lambda folder: f"hf:{brought(folder)}",
}
TEXTS = [f"Straße {n} – naïve façade, 第{n}章; it's {n}% of\n\n\tall 🙂" for n in range(50)]


def brought(folder: Path) -> Path:
    path = folder / "tokenizer.json"
    path.write_text(train_bpe([b"some other text than theirs"], 270))
    return path


@pytest.fixture(params=names("tokenizer"))
def name(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return NAMES[request.param](tmp_path)


def made(name: str) -> Tokenizer:
    return tokenizer_named(name).make(lambda: (text.encode() for text in TEXTS))


def test_text_comes_back(name: str) -> None:
    tokenizer = made(name)
    for text in [*TEXTS, "", " ", "a  b ", "\x00\x1f", f"it ends with {END_OF_TEXT}"]:
        tokens = tokenizer.encode(text)
        assert tokenizer.decode([*tokens, tokenizer.end_of_text]) == text
        assert tokenizer.end_of_text not in tokens


def test_streams_hold_the_tokens_of_each_document(name: str) -> None:
    tokenizer = made(name)
    texts = [TEXTS[0], "", *TEXTS[1:], "", "x"]
    stream = np.concatenate(list(tokenizer.encode_stream(text.encode() for text in texts)))
    expected = [token for text in texts for token in (*tokenizer.encode(text), tokenizer.end_of_text)]
    assert stream.tolist() == expected
    assert [part.tolist() for part in tokenizer.encode_many(texts)] == [tokenizer.encode(t).tolist() for t in texts]
    assert list(tokenizer.encode_stream([])) == []


def test_tokens_are_within_the_vocabulary_that_was_promised(name: str) -> None:
    tokenizer = made(name)
    assert tokenizer.end_of_text < tokenizer.vocab <= tokenizer_named(name).vocab
    stream = np.concatenate(list(tokenizer.encode_stream(text.encode() for text in TEXTS)))
    assert stream.max() < tokenizer.vocab
    assert (stream.astype(token_type(tokenizer.vocab)) == stream).all()


def test_the_same_text_makes_the_same_tokenizer(name: str) -> None:
    assert made(name).serialised == made(name).serialised
    assert tokenizer_named(name).name == tokenizer_named(name).name
