"""The main text of web pages: what a reader came for, without menus, notices and scripts.

By resiliparse (Bevendorff et al. 2018, "Elastic ChatNoir"), which DataComp-LM chose for its corpus after comparing
extractors (Li et al. 2024, arXiv:2406.11794).
"""

import re
from pathlib import Path

from assay.corpus.bad import BadDocument
from assay.spec.errors import UserError

SUFFIXES = frozenset((".html", ".htm", ".xhtml"))
# Where a page says how it is encoded: in its first 1024 bytes (HTML standard, section 4.2.5.4).
_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([a-zA-Z0-9_:.-]+)", re.IGNORECASE)


def main_text(page: bytes, path: Path) -> str:
    """The main text of a page, in paragraphs; all its text where nothing in it is more main than the rest.

    Raises:
        BadDocument: the page is not in the encoding that it names, or not in UTF-8 where it names none.
        UserError: resiliparse is not installed.
    """
    try:
        from resiliparse.extract.html2text import extract_plain_text
    except ImportError:
        raise UserError(f"{path}: reading web pages needs a package; run: pip install resiliparse") from None
    html = _decoded(page, path)
    main = extract_plain_text(html, main_content=True, alt_texts=False)
    return main.strip() or extract_plain_text(html, main_content=False, alt_texts=False).strip()


def _decoded(page: bytes, path: Path) -> str:
    named = _CHARSET.search(page[:1024])
    encoding = named[1].decode() if named else "utf-8"
    try:
        return page.decode("utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding)
    except LookupError:
        message = f"{path}: the page names an encoding '{encoding}' that is not known"
        raise BadDocument("wrong encoding", message) from None
    except UnicodeDecodeError as error:
        raise BadDocument(
            "wrong encoding",
            f"{path}: not {encoding.upper()} text (byte {error.start}); convert it to UTF-8 or leave it out",
        ) from None
