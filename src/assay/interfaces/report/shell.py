"""What every page has around its sections."""

from importlib import resources

from assay.interfaces.report.html import Content, Html, element

#: A page asks for nothing and runs nothing; its style is the one inside it.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def document(title: str, *content: Content) -> str:
    """A page that stands alone, as HTML text."""
    style = resources.files("assay.interfaces.report").joinpath("style.css").read_text(encoding="utf-8")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Html(style)),
    )
    return f"<!doctype html>\n{element('html', head, element('body', content), lang='en')}\n"
