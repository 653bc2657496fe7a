"""Quotations are found as a search through every text finds them; entries of steps are read as they were written."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.corpus.editions.entries import Entry, read_entry, write_entry
from assay.corpus.removal.quotations import LEAST, Quotations

TEXTS = st.lists(st.text("ab \n", min_size=10, max_size=60), min_size=1, max_size=3)
NAMES = st.from_regex(r"[a-z_]{1,8}(\.[a-z_]{1,8})?", fullmatch=True)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXTS, st.lists(st.text("ab \n…", max_size=40), max_size=6), st.data())
def test_quotations_are_those_of_a_plain_search(texts: list[str], strings: list[str], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(texts[0])))
    strings.append(f"{texts[0][cut : cut + 30]}…")
    quotations = Quotations()
    quotations.watch(strings)
    for text in texts:
        quotations.see(text)
    plain = [" ".join(text.split()) for text in texts]
    for string in strings:
        pieces = [" ".join(piece.split()) for piece in (string.strip("…"), *string.replace("\n", "…").split("…"))]
        wanted = any(len(piece) >= LEAST and any(piece in text for text in plain) for piece in pieces)
        assert quotations.quotes(string) == wanted


def test_json_keeps_what_quotes_nothing() -> None:
    report = {
        "rules": [{"text": "a line of the text that is\nto be removed…", "documents": 3}],
        "other": "stays as it is",
    }
    quotations = Quotations()
    quotations.watch(["a line of the text that is\nto be removed…", "other", "stays as it is"])
    quotations.see("Once there was a line of the text that is to be removed, and no more.")
    assert quotations.without(report) == {
        "rules": [{"text": "(removed on request)", "documents": 3}], "other": "stays as it is",
    }  # fmt: skip


@given(st.dictionaries(NAMES, st.integers(-(10**6), 10**6), min_size=1, max_size=4), st.text("a (),-1\n", max_size=20))
def test_entries_are_read_as_written(taken: dict[str, int], detail: str) -> None:
    assert read_entry("clean", write_entry("clean", taken, detail)) == Entry(dict(taken), detail)


def test_entries_of_earlier_versions_name_rules_alone() -> None:
    assert read_entry("clean", "clean: a.b, c.d (3 lines)") == Entry({"a.b": None, "c.d": None}, "3 lines")
