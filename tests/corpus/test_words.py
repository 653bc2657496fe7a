"""Words are those that the `tokenizers` library cuts, for every character and wherever a chunk of text ends."""

from itertools import chain

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import pre_tokenizers

from assay.corpus.tokenizers.bpe import byte_characters
from assay.corpus.tokenizers.counting import Counts, count_words
from assay.corpus.tokenizers.words import SEPARATOR, stream_words

from .test_tokenizers import TRICKY

BYTE = {character: byte for byte, character in enumerate(byte_characters())}
CUT = pre_tokenizers.ByteLevel(add_prefix_space=False)


def theirs(text: str) -> list[bytes]:
    return [bytes(BYTE[character] for character in word) for word, _ in CUT.pre_tokenize_str(text)]


def ours(texts: list[str], size: int = 1 << 20) -> list[bytes]:
    found = stream_words((text.encode() for text in texts), size)
    return list(chain.from_iterable(words.to_pylist() for words in found))


def expected(texts: list[str]) -> list[bytes]:
    return [word for text in texts for word in (*theirs(text), SEPARATOR)]


@settings(deadline=None)
@given(st.lists(TRICKY | st.text(), max_size=5), st.integers(1, 40))
def test_words_of_documents_in_chunks_of_any_size(texts: list[str], size: int) -> None:
    assert ours(texts, size) == expected(texts)


def test_every_character_beside_every_kind() -> None:
    """Each character of Unicode alone, doubled, after a letter, a digit, a sign and blanks, and before them."""
    for first in range(0, 0x110000, 0x8000):
        points = [chr(point) for point in range(first, min(first + 0x8000, 0x110000)) if not 0xD800 <= point < 0xE000]
        step = 1 if first < 0x8000 else 7 if first < 0x18000 else 101  # beyond are ideographs and unassigned ones
        text = "".join(f"{c} {c}{c}a{c}1{c}!{c}\n{c}  {c}'s" for c in points[::step])
        assert ours([text], 1 << 16) == expected([text])


@settings(deadline=None)
@given(st.lists(TRICKY, max_size=6))
def test_counts(texts: list[str]) -> None:
    words, counts = count_words(text.encode() for text in texts)
    every = [word for word in expected(texts) if word != SEPARATOR]
    assert dict(zip(words.to_pylist(), counts.tolist(), strict=True)) == {word: every.count(word) for word in every}


def test_the_rarest_words_are_forgotten_beyond_the_bound() -> None:
    counts = Counts(most=3)
    counts.add(pa.array([b"a"] * 5 + [b"b"] * 4 + [b"c"] * 3 + [b"d", b"e"], pa.binary()))
    words, numbers = counts.result()
    assert dict(zip(words.to_pylist(), numbers.tolist(), strict=True)) == {b"a": 5, b"b": 4, b"c": 3}
