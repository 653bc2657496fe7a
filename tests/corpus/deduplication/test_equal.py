"""Exact and normalised deduplication against sets of texts."""

import re
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from assay.corpus.deduplication.equal import EqualDocuments
from assay.corpus.deduplication.normal import normal_form

from .driver import run


@given(st.lists(st.text("ab", max_size=3), max_size=30), st.integers(1, 5))
@settings(max_examples=50, deadline=None)
def test_exact_keeps_the_first_of_each(texts: list[str], batches: int) -> None:
    with TemporaryDirectory() as work:
        left, judged, _ = run(EqualDocuments(), texts, Path(work), batches)
    assert [text for text in left if text] == [text for text in dict.fromkeys(texts) if text]
    for number in judged.removed:
        assert judged.details[number] == f"duplicate of prose:{texts.index(texts[number])}"


def slow_normal_form(text: str) -> list[str]:
    """By characters' categories, one by one."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(" " if unicodedata.category(c)[0] in "PSZC" else c for c in folded).split()


@given(st.text(max_size=40) | st.text("aBéÉßﬁﬀ²½Ⅷİıς 　—“.-_\u0301\u093e\n", max_size=20))
@settings(deadline=None)
def test_the_normal_form_is_that_of_unicode_categories(text: str) -> None:
    words = slow_normal_form(text)
    assert normal_form(text.encode()).decode() == (" ".join(words) if words else text)


def test_what_normalised_takes_for_equal(tmp_path: Path) -> None:
    texts = [
        "Hello, World! It’s fine.",
        "hello   world it s ﬁne",
        "HELLO WORLD — it's FINE",
        "hello worlds",
        "...",
        "---",
    ]
    left, judged, report = run(EqualDocuments("normalised"), texts, tmp_path)
    assert [number for number, text in enumerate(left) if text is None] == [1, 2]
    assert set(judged.removed.values()) == {"normalised"}
    assert report["normalised"]["sizes"] == {"3": 1}
    assert not re.search("[A-Z]", normal_form(texts[2].encode()).decode())
