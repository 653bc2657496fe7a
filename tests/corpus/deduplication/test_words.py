"""Words found in bytes are those that a regular expression finds in characters."""

import re
from itertools import combinations

from hypothesis import example, given
from hypothesis import strategies as st

from assay.corpus.deduplication.words import blocks, words_of
from assay.corpus.texts import Texts

ALPHABET = "aB9_ .,-\n\tÉßя漢字かé—“ \U0001f600、。"


def reference(text: str) -> list[str]:
    """Words of up to 64 bytes, by character classes."""
    lower = "".join(c.lower() if c.isascii() else c for c in text)
    single = r"[\u3040-\u9fff]|[\U00010000-\U0010ffff]"
    return re.findall(rf"{single}|(?:(?!{single})[^\W]|[éÉßя])+", lower)


@given(st.lists(st.text(ALPHABET, max_size=25), max_size=6))
@example(["", "a", "", "b c"])
@example(["ab", "cd"])
def test_words_are_those_of_a_regular_expression(texts: list[str]) -> None:
    found = words_of(Texts.of(texts))
    data = "".join(texts).encode()
    spelled = [data[a:b].decode() for a, b in zip(found.starts, found.ends, strict=True)]
    expected = [reference(text) for text in texts]
    assert [len(words) for words in expected] == found.counts.tolist()
    lower = ["".join(c.lower() if c.isascii() else c for c in word) for word in spelled]
    assert lower == [word for words in expected for word in words]
    for one, other in combinations(range(len(lower)), 2):
        assert (lower[one] == lower[other]) == (found.hashes[one] == found.hashes[other])


@given(st.lists(st.text("ab ", max_size=400), min_size=1, max_size=5), st.integers(1, 300))
def test_words_of_blocks_are_those_of_the_whole(texts: list[str], size: int) -> None:
    whole = words_of(Texts.of(texts))
    parts = [words_of(block) for block in blocks(Texts.of(texts), size)]
    assert [h for part in parts for h in part.hashes] == whole.hashes.tolist()
    assert [s for part in parts for s in part.starts] == whole.starts.tolist()


def test_a_run_without_separators_is_many_words() -> None:
    found = words_of(Texts.of(["x" * 1000 + " " + "x" * 64]))
    assert (found.ends - found.starts).tolist() == [64] * 15 + [40, 64]
    assert len(set(found.hashes.tolist())) == 2
