"""Held-out spans: bounded, disjoint, whole characters, spread, and exactly the bytes they claim."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from assay.corpus.spans import SPAN_BYTES, choose_spans, cut

texts = st.text(st.sampled_from("ab\nü€😀"), min_size=1, max_size=4000)


@given(texts)
def test_cut_covers_a_text_in_whole_characters(text: str) -> None:
    content = text.encode()
    pieces = cut(content)
    assert "".join(content[start:end].decode() for start, end in pieces) == text
    assert all(0 < end - start <= SPAN_BYTES for start, end in pieces)


@given(st.lists(texts, min_size=1, max_size=12, unique=True), st.integers(1, 20_000))
def test_spans(documents: list[str], limit: int) -> None:
    contents = {hashlib.sha256(text.encode()).hexdigest(): text.encode() for text in documents}
    order = [(bytes.fromhex(digest), content) for digest, content in sorted(contents.items())]
    spans = list(choose_spans(iter(order), limit))
    assert spans == list(choose_spans(order, limit))
    total = sum(map(len, contents.values()))
    used = sum(span.end - span.start for span in spans)
    assert min(limit, total) - 3 <= used <= limit  # a character may not fit at the very end
    covered: dict[str, set[int]] = {digest: set() for digest in contents}
    for span in spans:
        assert contents[span.document][span.start : span.end].decode() == span.text
        assert 0 < span.end - span.start <= SPAN_BYTES
        assert not covered[span.document] & set(range(span.start, span.end))
        covered[span.document] |= set(range(span.start, span.end))
    # A document gives a second span only once every document has given its first.
    first_turn = [span.document for span in spans[: len(order)]]
    assert len(set(first_turn)) == len(first_turn)


def test_no_more_documents_are_read_than_needed() -> None:
    def documents():
        for number in range(3):
            yield bytes([number]) * 32, b"x" * 1000
        raise AssertionError("read on after the limit")

    assert len(list(choose_spans(documents(), 2500))) == 3
