"""What is meant by the words of a removal, and that its record is read as written."""

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.corpus.removal.files import clear_files
from assay.corpus.removal.quotations import Quotations
from assay.corpus.removal.record import Record, removed_documents
from assay.corpus.removal.request import Request
from assay.corpus.removal.trace import Passing, Traced

SAID = st.text(
    st.characters(exclude_categories=("Cs",)) | st.sampled_from("\x85\u2028\u2029\x0b\x0c\x1e\r\n"), max_size=9
)
DOCUMENTS = st.builds(
    Traced, SAID, SAID, SAID, SAID, SAID, SAID, SAID, st.sets(SAID, max_size=2),
    st.lists(
        st.builds(Passing, SAID, SAID, st.integers(0, 99), st.dictionaries(SAID, st.integers()), SAID), max_size=2
    ),
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(DOCUMENTS, max_size=3, unique_by=lambda each: (each.domain, each.id, each.hash)), SAID)
def test_a_record_is_read_as_written(documents: list[Traced], reason: str) -> None:
    request = Request(("bad.org", reason), reason)
    with TemporaryDirectory() as name:
        lab = Path(name)
        record = Record.begin(lab, request, documents)
        left = Record.unfinished(lab)
        assert left is not None
        assert (left[0].documents, left[1]) == (documents, list(request.words))
        record.finish({})
        assert Record.unfinished(lab) is None
        assert [(asked, document) for asked, _, document in removed_documents(lab)] == [
            (request, document) for document in documents
        ]


def test_a_word_means_a_source_or_the_beginning_of_a_hash() -> None:
    digests = [hashlib.sha256(text).digest() for text in (b"one", b"two", b"three")]
    rows = pa.table({"source": ["20240131", "a.org", "b.org"], "hash": digests, "text_hash": digests[::-1]})
    assert Request(("20240131",)).rows(rows).tolist() == [True, False, False]
    assert Request((digests[1].hex()[:8].upper(),)).rows(rows).tolist() == [False, True, False]
    assert Request((digests[0].hex()[:9], "b.org")).rows(rows).tolist() == [True, False, True]
    assert not Request((digests[1].hex()[:7],)).rows(rows).any()
    assert Request(("20240131", "x")).asks_for("20240131", [digests[0].hex()]) == ["20240131"]
    word = digests[1].hex()[:8].upper()
    assert Request((word, "x")).asks_for("a.org", [digests[1].hex()]) == [word]


def test_files_too_large_to_be_looked_through_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "large.txt").write_text("some text of forty letters or thereabouts")
    (tmp_path / "small.txt").write_text("short")
    monkeypatch.setattr("assay.corpus.removal.files._LARGEST", 20)
    cleared = clear_files(tmp_path, Quotations())
    assert cleared.unread == ["notes/large.txt"]
    assert cleared[:3] == ([], [], [])
