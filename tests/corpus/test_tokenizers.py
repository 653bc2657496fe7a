"""Tokens carry the text without loss and are those of the `tokenizers` library; no text can spell the end of one."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers import Tokenizer as HfTokenizer

from assay.corpus.build import build_corpus
from assay.corpus.sources import Source
from assay.corpus.tokenizers.base import END_OF_TEXT
from assay.corpus.tokenizers.bpe import train_bpe
from assay.corpus.tokenizers.bytes import Bytes
from assay.corpus.tokenizers.hf import HuggingFace, byte_level
from assay.corpus.tokenizers.kinds import load_tokenizer, tokenizer_named
from assay.spec.errors import UserError

from .helpers import write_folder

TEXTS = [f"the {n}th größte lesson of the lessons, learned {n * n} times; it's théirs" for n in range(200)]
DOCUMENTS = [text.encode() for text in TEXTS]
#: Where one class of characters meets another, in one to four bytes.
TRICKY = st.text(st.sampled_from("ab'sStdmrevl  \n\t\r 1²५é中ع!…\u3000\xa0\x85\u200b\x1f🙂̈"), max_size=60)


@pytest.fixture(scope="module")
def bpe() -> HuggingFace:
    return HuggingFace(train_bpe(DOCUMENTS, 400))


@settings(deadline=None)
@given(st.text())
def test_bytes_round_trip(text: str) -> None:
    tokenizer = Bytes()
    tokens = tokenizer.encode(text)
    assert tokens.dtype == np.uint16
    assert tokens.tolist() == list(text.encode())
    assert tokenizer.decode([*tokens, tokenizer.end_of_text]) == text
    assert [part.tolist() for part in tokenizer.encode_many([text, "", "x"])] == [tokens.tolist(), [], [120]]


@settings(deadline=None)
@given(st.text() | TRICKY, TRICKY)
def test_bpe_round_trip_and_the_librarys_tokens(bpe: HuggingFace, text: str, other: str) -> None:
    theirs = HfTokenizer.from_str(bpe.serialised)
    theirs.encode_special_tokens = True
    tokens = bpe.encode(text)
    assert bpe.end_of_text not in tokens
    assert bpe.decode([*tokens, bpe.end_of_text]) == text
    texts = [text, "x", other, "", other]
    assert [part.tolist() for part in bpe.encode_many(texts)] == [theirs.encode(part).ids for part in texts]


def test_text_that_spells_the_special_token(bpe: HuggingFace) -> None:
    for tokens in (bpe.encode(f"a {END_OF_TEXT} b"), bpe.encode_many([f"a {END_OF_TEXT} b"])[0]):
        assert bpe.end_of_text not in tokens
        assert bpe.decode(tokens) == f"a {END_OF_TEXT} b"


def test_bpe_vocabulary(bpe: HuggingFace) -> None:
    assert bpe.vocab == 400
    assert len(bpe.encode(TEXTS[7])) < len(DOCUMENTS[7]) / 2
    smallest = HuggingFace(train_bpe(DOCUMENTS, 257))
    assert smallest.vocab == 257
    assert len(smallest.encode(TEXTS[7])) == len(DOCUMENTS[7])


def library_bpe(texts: list[str], size: int, **options: object) -> HfTokenizer:
    """What the library's own trainer makes."""
    tokenizer = HfTokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=[END_OF_TEXT], initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False, **options,
    )  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


@settings(deadline=None)
@given(st.lists(TRICKY | st.text(st.sampled_from("ab "), max_size=80), max_size=6), st.integers(257, 330))
def test_training_is_the_librarys_byte_for_byte(texts: list[str], size: int) -> None:
    assert train_bpe([text.encode() for text in texts], size) == library_bpe(texts, size).to_str(pretty=True)


def test_bpe_is_the_same_in_another_process() -> None:
    program = f"from assay.corpus.tokenizers.bpe import train_bpe; print(train_bpe({DOCUMENTS!r}, 400), end='')"
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert other.stdout == train_bpe(DOCUMENTS, 400) == library_bpe(TEXTS, 400).to_str(pretty=True)


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


def others() -> dict[str, HfTokenizer]:
    """Tokenizers that people bring: other cuts into words, normalisation, added tokens, no end of text."""
    made: dict[str, HfTokenizer] = {}
    metaspace = HfTokenizer(models.Unigram())
    metaspace.pre_tokenizer = pre_tokenizers.Metaspace()
    metaspace.decoder = decoders.Metaspace()
    metaspace.train_from_iterator(TEXTS, trainers.UnigramTrainer(
        vocab_size=120, special_tokens=["<unk>", "</s>"], unk_token="<unk>", show_progress=False
    ))  # fmt: skip
    made["unigram"] = metaspace
    composed = library_bpe(TEXTS, 350)
    composed.normalizer = normalizers.NFC()
    made["normalised"] = composed
    spaced = library_bpe(TEXTS, 350)
    spaced.add_tokens([AddedToken("  ", normalized=False)])
    made["added"] = spaced
    prefixed = library_bpe(TEXTS, 350)
    prefixed.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    made["prefixed"] = prefixed
    dropping = library_bpe(TEXTS, 350)
    dropping.enable_truncation(4)
    made["truncated"] = dropping
    return made


@pytest.mark.parametrize("name", ["unigram", "normalised", "added", "prefixed", "truncated"])
def test_any_tokenizer_gives_its_own_tokens(name: str, tmp_path: Path) -> None:
    brought = others()[name]
    path = tmp_path / "tokenizer.json"
    brought.save(str(path))
    tokenizer = tokenizer_named(str(path)).make(lambda: [])
    texts = [*TEXTS[:5], f"they say {END_OF_TEXT} </s> and  so on", "", "'s it's  \n\n x"]
    brought.no_truncation()
    brought.encode_special_tokens = True
    expected = [brought.encode(text, add_special_tokens=False).ids for text in texts]
    assert [part.tolist() for part in tokenizer.encode_many(texts)] == expected
    assert tokenizer.encode(texts[0]).tolist() == expected[0]
    assert byte_level(tokenizer.serialised or "") == (name == "truncated")


def test_a_token_between_documents_is_added_where_text_can_spell_those_that_there_are(tmp_path: Path) -> None:
    """A unigram model's own pieces include </s>, so a document that quotes it would end there."""
    unigram = others()["unigram"]
    path = tmp_path / "tokenizer.json"
    unigram.save(str(path))
    tokenizer = tokenizer_named(str(path)).make(lambda: [])
    assert tokenizer.end_of_text == unigram.get_vocab_size() == tokenizer.vocab - 1
    assert tokenizer.end_of_text not in tokenizer.encode("a </s> b")
    named = library_bpe(TEXTS, 300)
    named.save(str(path))
    assert tokenizer_named(str(path)).make(lambda: []).end_of_text == named.token_to_id(END_OF_TEXT)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("bpe:12", "with a vocabulary N from 257 to 65536"),
        ("bpe:x", "for example bpe:4096"),
        ("bytes:3", "bytes take no number"),
        ("words", "or the path of a tokenizer.json"),
        ("missing/tokenizer.json", "no such tokenizer"),
        ("hf:", "not a tokenizer in the Hugging Face format"),
    ],
)
def test_names_of_nothing(name: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match=problem):
        tokenizer_named(name)


def test_broken_tokenizer_file(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    for content in (b"\xff\xfe", b"not JSON", json.dumps({"version": "1.0"}).encode()):
        path.write_bytes(content)
        with pytest.raises(UserError, match="not a tokenizer in the Hugging Face format"):
            tokenizer_named(str(path))


def test_a_vocabulary_that_lacks_bytes() -> None:
    """The library passes over what such a vocabulary has no token for, and so does the quick way."""
    poor = HfTokenizer(models.BPE())
    poor.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    poor.decoder = decoders.ByteLevel()
    poor.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=120, special_tokens=["</s>"], show_progress=False))
    tokenizer = HuggingFace(poor.to_str())
    assert byte_level(tokenizer.serialised)
    texts = ["the 世界 lesson", "ß§", "QZ@", *TEXTS[:3]]
    assert [part.tolist() for part in tokenizer.encode_many(texts)] == [poor.encode(text).ids for text in texts]
