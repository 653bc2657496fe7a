"""Words and n-grams of many texts at once are those of each text by itself, read slowly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpus.decontamination.blocks import blocks
from assay.corpus.decontamination.words import words_of
from assay.corpus.texts import Texts
from tests.corpus.decontamination.by_hand import words

#: Latin with marks composed and not, ligatures, Greek, Cyrillic, Arabic, Devanagari, Thai, Chinese, Japanese, Korean,
#: letters of other planes, invisible signs, curly quotes, dashes and control characters.
ALPHABET = "abZ9_- .,\n'’“—é\u0301ßﬁÅΣςЖйأبक्षกำ漢字かなカ한글𝐀𝟙𠀀\u200b\u00ad\u00a0ʼK½Ⱥ\x00\x01😀"
TEXTS = st.lists(st.text(alphabet=ALPHABET, max_size=40), min_size=1, max_size=6)


@pytest.mark.parametrize("texts", [["a", "", "", "b"], ["", "é", "", "漢"], ["", ""], ["ab"]])
def test_a_word_ends_with_its_text(texts: list[str]) -> None:
    given = Texts.of(texts)
    assert np.diff(words_of(given.data, given.offsets).bounds).tolist() == [len(words(text)) for text in texts]


def hashes(text: str) -> list[int]:
    texts = Texts.of([text])
    return words_of(texts.data, texts.offsets).hashes.tolist()


@given(TEXTS)
def test_words_are_those_of_a_plain_reading(texts: list[str]) -> None:
    given = Texts.of(texts)
    found = words_of(given.data, given.offsets)
    for i, text in enumerate(texts):
        mine = found.hashes[found.bounds[i] : found.bounds[i + 1]].tolist()
        assert mine == [hashes(word)[0] for word in words(text)]


@given(st.lists(st.text(alphabet="abcdefgh漢é", min_size=1, max_size=80), min_size=2, max_size=20, unique=True))
def test_different_words_have_different_hashes(found: list[str]) -> None:
    distinct = {word for text in found for word in words(text)}
    assert len({hashes(word)[0] for word in distinct}) == len(distinct)


@given(TEXTS, st.integers(1, 5))
def test_equal_runs_of_words_have_equal_hashes_and_others_do_not(texts: list[str], n: int) -> None:
    given = Texts.of(texts)
    found = words_of(given.data, given.offsets)
    values = found.grams().all(n).tolist()
    plain = [word for text in texts for word in words(text)]
    runs = [tuple(plain[i : i + n]) for i in range(len(plain) - n + 1)]
    assert len(values) == len(runs)
    assert len(set(zip(values, runs, strict=True))) == len(set(values)) == len(set(runs))


@pytest.mark.parametrize("text", ["Say “Été” twice, été!", "x 漢字 y", "e\u0301te\u0301", "ÅÅ—ÅÅ", "tail é"])
def test_places_of_words_are_bytes_of_the_text(text: str) -> None:
    given = Texts.of([text])
    found = words_of(given.data, given.offsets)
    every = np.arange(len(found.hashes))
    parts = [text.encode()[a:b].decode() for a, b in zip(found.start(every), found.end(every), strict=True)]
    assert [words(part) for part in parts] == [[word] for word in words(text)]


@given(st.lists(st.text(alphabet="abc é漢.\n", max_size=300), min_size=1, max_size=5), st.integers(80, 200))
def test_blocks_hold_every_word_once_and_every_run_of_four(texts: list[str], size: int) -> None:
    """Words so long that a block has few of them are cut, so there are none here."""
    texts = ["".join(word[:5] + " " for word in text.split(" ")) for text in texts]
    given = Texts.of(texts)
    whole = words_of(given.data, given.offsets)
    fresh, runs = [], set()
    for block in blocks(given, overlap=3, size=size):
        fresh += block.words.hashes[: block.fresh].tolist()
        for i in range(len(block.words.bounds) - 1):
            mine = block.words.hashes[block.words.bounds[i] : block.words.bounds[i + 1]].tolist()
            runs |= {(block.first + i, *mine[k : k + 4]) for k in range(len(mine) - 3)}
    assert fresh == whole.hashes.tolist()
    for i in range(len(texts)):
        mine = whole.hashes[whole.bounds[i] : whole.bounds[i + 1]].tolist()
        assert {(i, *mine[k : k + 4]) for k in range(len(mine) - 3)} <= runs
