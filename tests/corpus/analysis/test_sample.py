"""The sample: the same whatever the batches, as large as there is room for, and drawn evenly."""

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.corpus.analysis.sample import LONGEST, Sample, Sampled, draw

Documents = list[tuple[str, bytes]]


def taken(documents: Documents, order: list[int], most_documents: int, most_bytes: int) -> list[Sampled]:
    """What is kept when documents come one by one in some order."""
    sample = Sample(3, most_documents, most_bytes)
    for number in order:
        domain, text = documents[number]
        if len(sample.wants(np.array([number]), [domain])):
            sample.add(number, domain, f"d{number}", "", text)
    return sample.within(1 << 40)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 400).map(lambda n: b"x" * n)), min_size=1, max_size=40),
    st.integers(1, 12), st.integers(200, 2000), st.randoms(use_true_random=False),
)  # fmt: skip
def test_it_is_the_first_of_the_drawn_order_that_there_is_room_for(
    documents: Documents, most_documents: int, most_bytes: int, shuffler: random.Random
) -> None:
    expected: list[int] = []
    for domain in "ab":
        mine = [i for i, (name, _) in enumerate(documents) if name == domain]
        mine.sort(key=lambda i: int(draw(np.array([i]), 3)[0]))
        size = 0
        for place, i in enumerate(mine):
            size += len(documents[i][1])
            if place and (place >= most_documents or size > most_bytes):
                break
            expected.append(i)
    order = list(range(len(documents)))
    assert [each.number for each in taken(documents, order, most_documents, most_bytes)] == expected
    shuffler.shuffle(order)
    assert [each.number for each in taken(documents, order, most_documents, most_bytes)] == expected


def test_of_a_long_document_the_beginning_is_taken_and_no_character_cut() -> None:
    sample = Sample()
    text = ("ä" * LONGEST).encode()  # two bytes each, and one before them so that the cut falls inside one
    sample.add(0, "a", "long", "", b"x" + text)
    [found] = sample.within(1 << 30)
    assert found.size == len(text) + 1
    assert found.text == "x" + "ä" * (LONGEST // 2 - 1)


def test_draws_are_spread_evenly() -> None:
    drawn = draw(np.arange(100_000), 0).astype(np.float64) / 2**64
    counts = np.histogram(drawn, 20, (0, 1))[0]
    assert abs(counts - 5000).max() < 5 * np.sqrt(5000)
    assert len(np.unique(draw(np.arange(100_000), 1))) == 100_000
    assert (draw(np.arange(9), 0) != draw(np.arange(9), 1)).all()
