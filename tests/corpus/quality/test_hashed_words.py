"""Hashed n-grams against plain Python."""

import re
from collections import Counter
from itertools import pairwise
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.corpus.quality import hashed_words
from assay.corpus.texts import Texts


def plain(text: str) -> Counter[bytes]:
    """Words and pairs of a text, by a regular expression over its bytes."""
    data = re.sub(rb"[0-9]", b"0", text.encode().lower())
    words = re.findall(rb"[a-z0-9\x80-\xff]+|[^a-z0-9\x80-\xff\x00-\x20\x7f]+", data)
    return Counter(words) + Counter(b"%b %b" % pair for pair in pairwise(words))


texts = st.lists(st.text(st.sampled_from("aAbé1 9.,(\n\t中_"), max_size=60), max_size=8)


@settings(max_examples=50, deadline=None)
@given(texts)
def test_same_as_plain_python(given_texts: list[str]) -> None:
    """As many different features as there are words and pairs, each with the root of its share."""
    found = hashed_words.features(Texts.of(given_texts))
    for i, text in enumerate(given_texts):
        counts = plain(text)
        expected = sorted(sqrt(n / counts.total()) for n in counts.values())
        # Two different features share one of 2**18 buckets about once in 1000 such texts.
        values = sorted(found[[i]].data.tolist())
        if len(values) == len(expected):
            assert values == pytest.approx(expected, abs=1e-6)
        else:
            assert len(expected) - 2 <= len(values) < len(expected)


@settings(max_examples=15, deadline=None)
@given(texts)
def test_a_text_does_not_depend_on_its_neighbours(given_texts: list[str]) -> None:
    together = hashed_words.features(Texts.of(given_texts))
    for i, text in enumerate(given_texts):
        alone = hashed_words.features(Texts.of([text]))
        np.testing.assert_array_equal(together[[i]].toarray(), alone.toarray())


def test_case_and_digits_do_not_matter_but_order_does() -> None:
    one, same, other = hashed_words.features(
        Texts.of(["In 1984 he wrote", "IN 2001  he\nwrote", "he wrote in 1984"])
    ).toarray()
    np.testing.assert_array_equal(one, same)
    assert np.any(one != other)


def test_long_words_differ_by_their_ends() -> None:
    words = ["antidisestablishmentarianism", "antidisestablishmentarianist", "bntidisestablishmentarianism", "anti"]
    assert len({int(hashed_words.features(Texts.of([word])).indices[0]) for word in words}) == 4


def test_a_huge_text_is_judged_by_its_beginning() -> None:
    start = "word other " * 100_000
    long = Texts.of([start + "different things follow " * 50_000])
    cut = Texts.of([(start + "different things follow " * 50_000).encode()[: hashed_words.MOST_BYTES].decode()])
    np.testing.assert_array_equal(hashed_words.features(long).toarray(), hashed_words.features(cut).toarray())


def test_names_of_buckets() -> None:
    batch = Texts.of(["The Cat sat.", "the cat ran 12 miles"])
    known = set(hashed_words.names(batch, hashed_words.features(batch).indices).values())
    assert known == {*(word.decode() for text in batch for word in plain(text))}
