"""Documents in a few words."""

import re

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
EXCERPT = 280
TITLE = 90


def excerpt(text: str, most: int = EXCERPT) -> str:
    """How a text begins, in one line."""
    return _shorten(" ".join(_CONTROL.sub("\ufffd", text[: 4 * most]).split()), most)


def title(text: str) -> str:
    """The first line that holds anything."""
    return excerpt(text.lstrip()[: 4 * TITLE].partition("\n")[0], TITLE)


def _shorten(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
