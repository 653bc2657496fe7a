"""Text of documents on the page: data, never markup, and in its own direction of writing."""

from assay.corpus.analysis.facts import Shown
from assay.interfaces.report.html import Content, Html, element


def quoted(text: str) -> Html:
    """Text from outside, kept apart from the direction of what is around it."""
    return element("bdi", text)


def told(text: str) -> list[Content]:
    """Our own words, in which `commands` stand between backticks."""
    return [element("code", part) if i % 2 else part for i, part in enumerate(text.split("`"))]


def missing(text: str) -> Html:
    """What stands where there is nothing to show, and what to do about it."""
    return element("p", told(text), class_="nothing")


def document(shown: Shown, *said: Content) -> Html:
    """A document by its beginning, with its id and domain and what else there is to say."""
    return element(
        "div",
        element("p", quoted(shown.excerpt or "(not shown)"), class_="excerpt", dir="auto"),
        element("p", quoted(shown.domain), " · ", element("code", quoted(shown.id)), *said, class_="aside"),
        class_="quoted",
    )
