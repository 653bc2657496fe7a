"""Web pages: the main text, in the encoding that a page names."""

from pathlib import Path

import pytest

from assay.corpus.bad import BadDocument
from assay.corpus.html import main_text
from assay.corpus.sources import Source, read_source
from assay.corpus.steps.bare_files import bare_shards
from assay.corpus.steps.lines import Lines

pytest.importorskip("resiliparse", reason="resiliparse is not installed")

STORY = (
    "It was a bright cold day in April, and the clocks were striking thirteen, as they did every day at one o'clock."
)
PAGE = f"""<!doctype html><html><head><title>A story</title><script>var hidden = "Drink me";</script></head><body>
<nav class="menu"><a href="/">Home</a> <a href="/about">About us</a> <a href="/login">Log in</a></nav>
<div class="cookie-banner">We use cookies. <button>Accept all</button></div>
<article><h1>Chapter 1</h1><p>{STORY}</p><p>{STORY} And then &amp; now: 3 &lt; 4, née.</p></article>
<aside class="sidebar"><ul><li><a href="/a">Related</a></li><li><a href="/b">Popular</a></li></ul></aside>
<footer>Copyright 2024 Example Ltd. <a href="/terms">Terms</a></footer></body></html>"""


def test_main_text_and_nothing_else(tmp_path: Path) -> None:
    text = main_text(PAGE.encode(), tmp_path)
    assert text == f"Chapter 1\n\n{STORY}\n\n{STORY} And then & now: 3 < 4, née."


@pytest.mark.parametrize("encoding", ["latin-1", "windows-1252", "shift_jis"])
def test_the_encoding_that_a_page_names(tmp_path: Path, encoding: str) -> None:
    story = STORY + (" 吾輩は猫である" if encoding == "shift_jis" else " née")
    page = f'<html><head><meta charset="{encoding}"></head><body><p>{story}</p></body></html>'.encode(encoding)
    assert main_text(page, tmp_path) == story
    with pytest.raises(BadDocument, match=r"x.html: not UTF-8 text \(byte \d+\)"):
        main_text(page.replace(encoding.encode(), b"utf-8"), Path("x.html"))
    with pytest.raises(BadDocument, match="an encoding 'klingon' that is not known"):
        main_text(page.replace(encoding.encode(), b"klingon"), Path("x.html"))


def test_page_without_a_main_part(tmp_path: Path) -> None:
    assert main_text(b"<b>Hi</b> there", tmp_path) == "Hi there"


def test_a_page_is_one_document_alone_and_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(PAGE)
    (tmp_path / "empty.htm").write_text("<html><body><script>1</script></body></html>")
    alone = list(read_source(Source("web", str(tmp_path / "a.html"))))
    folder = list(read_source(Source("web", str(tmp_path))))
    assert [document.text for document in alone] == [document.text for document in folder]
    assert alone[0].id == folder[0].id == "a.html"
    for path in (tmp_path, tmp_path / "a.html"):
        (shard,) = bare_shards(path)
        assert sum(len(lines) for lines in shard.read() if isinstance(lines, Lines)) == 1
