"""Repeated n-grams of a chunk against counting them one by one."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from assay.corpus.filters.ngrams import repeated_characters, repeats, top_characters
from assay.corpus.filters.parsed import Parsed
from assay.corpus.texts import Texts

WORDS = st.lists(st.lists(st.sampled_from(["a", "bb", "ccc", "Ä"]), max_size=60), max_size=5)


def top(words: list[str], size: int) -> int:
    grams = Counter(" ".join(words[i : i + size]) for i in range(len(words) - size + 1))
    if not grams:
        return 0
    gram, times = grams.most_common(1)[0]
    return len(gram) * times


def repeated(words: list[str], size: int) -> int:
    """As datatrove reads it: what begins within a counted n-gram is not met."""
    met: set[tuple[str, ...]] = set()
    place = total = 0
    while place <= len(words) - size:
        gram = tuple(words[place : place + size])
        if gram in met:
            total += len("".join(gram))
            place += size
        else:
            met.add(gram)
            place += 1
    return total


@given(WORDS)
def test_repeats_of_every_size(documents: list[list[str]]) -> None:
    parsed = Parsed(Texts.of([" ".join(words) for words in documents]))
    for each in repeats(parsed, 10):
        assert top_characters(parsed, each).tolist() == [top(words, each.size) for words in documents]
        assert repeated_characters(parsed, each).tolist() == [repeated(words, each.size) for words in documents]
