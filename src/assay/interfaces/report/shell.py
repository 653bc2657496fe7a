"""What every page has around its sections."""

import re
from importlib import resources
from pathlib import Path

from assay.interfaces.report.html import Content, Html, element
from assay.interfaces.report.replaced import check_replaced
from assay.spec.errors import UserError
from assay.training.files import replace_file

#: A page asks for nothing and runs nothing; its style is the one inside it.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
PACKAGE = "assay.interfaces.report"
#: What no HTML document may hold, wherever it came from.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def document(title: str, *content: Content, styles: tuple[str, ...] = ()) -> str:
    """A page that stands alone, as HTML text.

    Args:
        styles: packages whose style.css comes after the common one.
    """
    sheets = (resources.files(name).joinpath("style.css") for name in (PACKAGE, *styles))
    style = "".join(sheet.read_text(encoding="utf-8") for sheet in sheets)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Html(style)),
    )
    page = f"<!doctype html>\n{element('html', head, element('body', content), lang='en')}\n"
    return _CONTROL.sub("\ufffd", page)


def check_target(target: Path) -> None:
    """Raise `UserError` if a page cannot be written there, before any work is done for it."""
    if target.is_dir():
        raise UserError(f"{target} is a folder; name the file that the report shall be written to")
    if not target.absolute().parent.is_dir():
        raise UserError(f"{target}: the report cannot be written there (No such file or directory); name another file")
    check_replaced(target, b"<!doctype html", "page")


def write_page(page: str, target: Path) -> None:
    """Write a page, replacing an older one in a single step. Raises `UserError` if it cannot be written there."""
    check_target(target)
    try:
        replace_file(target, page.encode())
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"{target}: the report cannot be written there ({error.strerror}); name another file") from None
