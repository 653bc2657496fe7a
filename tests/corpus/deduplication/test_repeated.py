"""Lines, paragraphs and passages against plain loops over all of them."""

import random
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.corpus.deduplication.lines import RepeatedUnits
from assay.corpus.deduplication.passages import Passages
from assay.corpus.deduplication.units import LEAST, Unit

from .driver import run

LINES = ["", "  ", "}", "a line of more than twenty bytes", "  a line of more than twenty bytes ", "x" * 20, "y" * 25]


def slow_units(texts: list[str], unit: Unit) -> list[list[str]]:
    """Lines or paragraphs that stay, in order."""
    seen: set[str] = set()
    left = []
    for text in texts:
        pieces = text.split("\n") if unit == "lines" else re.split(r"\n[ \t]*\n\s*", text)
        mine = []
        for piece in pieces:
            key = piece.strip()
            if len(key) < LEAST or key not in seen:
                mine.append(piece)
            if len(key) >= LEAST:
                seen.add(key)
        left.append(mine)
    return left


@pytest.mark.parametrize("unit", ["lines", "paragraphs"])
@given(
    texts=st.lists(st.lists(st.sampled_from(LINES), max_size=8).map("\n".join), max_size=8), batches=st.integers(1, 4)
)
@settings(max_examples=60, deadline=None)
def test_all_but_the_first_of_equal_units_go(unit: Unit, texts: list[str], batches: int) -> None:
    with TemporaryDirectory() as work:
        left, judged, _ = run(RepeatedUnits(unit), texts, Path(work), batches)
    for text, before, expected in zip(left, texts, slow_units(texts, unit), strict=True):
        pieces = [piece.strip() for piece in expected if piece.strip()]
        if text is None:
            assert not pieces
        else:
            found = text.split("\n") if unit == "lines" else re.split(r"\n[ \t]*\n\s*", text)
            assert [piece.strip() for piece in found if piece.strip()] == pieces
        if pieces == [piece.strip() for piece in before.split("\n") if piece.strip()] and unit == "lines":
            assert text == before
    assert judged.removed.keys().isdisjoint(judged.changed)


def slow_passages(texts: list[str], length: int) -> list[list[str]]:
    """Words that are part of no run of `length` words that stood before."""
    seen: set[tuple[str, ...]] = set()
    left = []
    for text in texts:
        words = re.findall(r"\w+", text)
        gone = [False] * len(words)
        for i in range(len(words) - length + 1):
            key = tuple(word.lower() for word in words[i : i + length])
            if key in seen:
                gone[i : i + length] = [True] * length
            seen.add(key)
        left.append([word for word, out in zip(words, gone, strict=True) if not out])
    return left


@given(st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_all_but_the_first_of_equal_passages_go(seed: int) -> None:
    draw = random.Random(seed)
    words = [f"{draw.choice('wW')}{i}{draw.choice(['', ',', '. ', chr(10)])}" for i in range(draw.randint(1, 40))]
    texts = [" ".join(draw.choices(words, k=draw.randint(0, 40))) for _ in range(draw.randint(1, 6))]
    texts += [draw.choice(texts)[3:] + " " + draw.choice(texts) for _ in range(4)]
    length = draw.randint(2, 12)
    expected = slow_passages(texts, length)
    with TemporaryDirectory() as work:
        results = [run(Passages(length), texts, Path(work), batches) for batches in (1, 2, 7)]
    assert results[0] == results[1] == results[2]
    for text, before, words_left in zip(results[0][0], texts, expected, strict=True):
        assert (re.findall(r"\w+", text) if text is not None else []) == words_left
        if words_left == re.findall(r"\w+", before):
            assert text == before


def test_a_passage_says_where_it_stood(tmp_path: Path) -> None:
    passage = " ".join(f"w{i}" for i in range(60))
    texts = [f"Before. {passage}. After.", f"Something else, {passage.upper()}! And more."]
    left, judged, report = run(Passages(), texts, tmp_path)
    assert left == [texts[0], "Something else, And more."]
    assert judged.changed == {1: ("substring",)}
    assert judged.details[1].endswith("the first from prose:0")
    assert report["substring"]["most_repeated"][0]["document"]["id"] == "0"
