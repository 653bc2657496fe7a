"""Tokens carry the text without loss, and no text can spell the end of a document."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as HfTokenizer

from assay.corpus.build import build_corpus
from assay.corpus.sources import Source
from assay.corpus.tokenizers import END_OF_TEXT, Bpe, Bytes, load_tokenizer, train_bpe

from .helpers import write_folder

TEXTS = [f"the {n}th größte lesson of the lessons, learned {n * n} times" for n in range(200)]


@pytest.fixture(scope="module")
def bpe() -> Bpe:
    return Bpe(train_bpe(TEXTS, 400))


@given(st.text())
def test_bytes_round_trip(text: str) -> None:
    tokenizer = Bytes()
    tokens = tokenizer.encode(text)
    assert tokens.dtype == np.uint16
    assert tokens.tolist() == list(text.encode())
    assert tokenizer.decode([*tokens, tokenizer.end_of_text]) == text


@given(st.text())
def test_bpe_round_trip(bpe: Bpe, text: str) -> None:
    tokens = bpe.encode(text)
    assert bpe.end_of_text not in tokens
    assert bpe.decode([*tokens, bpe.end_of_text]) == text
    assert [part.tolist() for part in bpe.encode_many([text, "x"])] == [tokens.tolist(), bpe.encode("x").tolist()]


def test_text_that_spells_the_special_token(bpe: Bpe) -> None:
    for tokens in (bpe.encode(f"a {END_OF_TEXT} b"), bpe.encode_many([f"a {END_OF_TEXT} b"])[0]):
        assert bpe.end_of_text not in tokens
        assert bpe.decode(tokens) == f"a {END_OF_TEXT} b"


def test_bpe_vocabulary(bpe: Bpe) -> None:
    assert bpe.vocab == 400
    assert len(bpe.encode(TEXTS[7])) < len(TEXTS[7].encode()) / 2
    smallest = Bpe(train_bpe(TEXTS, 257))
    assert smallest.vocab == 257
    assert len(smallest.encode(TEXTS[7])) == len(TEXTS[7].encode())


def test_bpe_is_the_same_in_another_process() -> None:
    program = f"from assay.corpus.tokenizers import train_bpe; print(train_bpe({TEXTS!r}, 400), end='')"
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert other.stdout == train_bpe(TEXTS, 400)


def test_corpus_with_bpe_reads_with_the_library_it_is_written_for(tmp_path: Path) -> None:
    sources = [Source("a", str(write_folder(tmp_path / "a")))]
    manifest = build_corpus(tmp_path / "c", sources, "bpe:500")
    folder = tmp_path / "c" / manifest.id
    tokenizer = load_tokenizer(folder)
    theirs = HfTokenizer.from_file(str(folder / "tokenizer.json"))
    assert theirs.get_vocab_size() == manifest.vocab == tokenizer.vocab <= 500
    assert theirs.token_to_id(END_OF_TEXT) == manifest.end_of_text == tokenizer.end_of_text
    assert theirs.encode("größer 5-7").ids == tokenizer.encode("größer 5-7").tolist()
    assert build_corpus(tmp_path / "other", sources, "bpe:500") == manifest
    assert build_corpus(tmp_path / "other", sources).id != manifest.id
