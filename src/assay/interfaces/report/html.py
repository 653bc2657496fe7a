"""Building HTML in which everything is escaped unless it was built here.

Hypotheses, authors, reasons and names of domains come from outside. `element` escapes every plain string, in
content and in attributes alike, so that no caller can forget to.
"""

from collections.abc import Iterable
from html import escape


class Html(str):
    """Text that is markup already and is not escaped again."""

    __slots__ = ()


Content = str | int | Iterable["Content"] | None

#: Elements without content and end tag.
VOID = frozenset({"br", "meta", "hr"})


def element(name: str, /, *content: Content, **attributes: str | int | bool | None) -> Html:
    """One element. Trailing underscores of attribute names fall away, inner ones become hyphens.

    Attributes that are None or False are left out; True gives a bare attribute. Content may be nested lists.
    """
    said = "".join(
        f" {attribute(key)}" if value is True else f' {attribute(key)}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Html(f"<{name}{said}>" if name in VOID else f"<{name}{said}>{join(content)}</{name}>")


def attribute(key: str) -> str:
    """HTML's name of a keyword argument: `class_` is class, `aria_label` is aria-label."""
    return key.rstrip("_").replace("_", "-")


def join(content: Content) -> Html:
    """Content one after another, plain text escaped."""
    match content:
        case None:
            return Html("")
        case Html():
            return content
        case str() | int():
            return Html(escape(str(content)))
        case _:
            return Html("".join(join(part) for part in content))


def between(separator: Content, parts: Iterable[Content]) -> list[Content]:
    """The parts with a separator between each two."""
    found: list[Content] = []
    for part in parts:
        found += [separator, part] if found else [part]
    return found
