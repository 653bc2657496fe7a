"""Pieces that several sections of the report share."""

from collections.abc import Iterable, Sequence
from typing import Any

from assay.interfaces.report import wording
from assay.interfaces.report.html import Content, Html, between, element

Facts = dict[str, Any]

#: What each decision is called on the page, in the order of the page.
DECISIONS = {
    "supported": "supported",
    "refuted": "refuted",
    "inconclusive": "inconclusive",
    "under test": "under test",
}
STAGES = {
    "half": "half-way check",
    "replicate": "replication",
    "confirm": "confirmation",
    "retune": "retuned champion",
    "remeasure": "fresh measurement",
    "measure": "measurement",
    "audit": "audit",
}


def section(identifier: str, title: str, *content: Content) -> Html:
    return element(
        "section",
        element("h2", title, id=f"{identifier}-title"),
        content,
        id=identifier,
        aria_labelledby=f"{identifier}-title",
    )


def figure(identifier: str, title: str, text: str, *content: Content) -> Html:
    """A chart with its heading and a sentence on how to read it."""
    caption = element("figcaption", element("h3", title), element("p", text))
    return element("figure", caption, content, id=identifier)


def nothing(text: str) -> Html:
    """What stands where there is nothing to show yet."""
    return element("p", text, class_="nothing")


def table(
    caption: str,
    headers: Sequence[str],
    rows: Iterable[Sequence[Content]],
    numeric: Iterable[int] = (),
    ids: Sequence[str] | None = None,
    **attributes: str | None,
) -> Html:
    """A table in a box of its own that scrolls sideways; its first column heads the rows.

    Args:
        caption: says what the table holds; also the name of the scrolling box.
        numeric: columns of numbers, set flush right.
        ids: an id for each row, so that it can be linked to.
    """
    numbers = set(numeric)

    def kind(column: int) -> str | None:
        return "number" if column in numbers else None

    body = [
        element(
            "tr",
            element("th", row[0], scope="row", class_=kind(0)),
            [element("td", cell, class_=kind(i)) for i, cell in enumerate(row[1:], 1)],
            id=ids[n] if ids else None,
        )
        for n, row in enumerate(rows)
    ]
    head = [element("th", text, scope="col", class_=kind(i)) for i, text in enumerate(headers)]
    return element(
        "div",
        element("table", element("caption", caption), element("thead", element("tr", head)), element("tbody", body)),
        class_="scroll",
        role="region",
        aria_label=caption,
        tabindex=0,
        **attributes,
    )


def details(summary: Content, *content: Content, **attributes: str | None) -> Html:
    return element("details", element("summary", summary), content, **attributes)


def definitions(rows: Iterable[tuple[str, Content] | None], class_: str = "pairs") -> Html:
    """A list of terms and what there is to say of each; None leaves a row out."""
    return element(
        "dl",
        [element("div", element("dt", row[0]), element("dd", row[1])) for row in rows if row is not None],
        class_=class_,
    )


def badge(decision: str) -> Html:
    return element("span", DECISIONS[decision], class_=f"badge {css(decision)}")


def css(decision: str) -> str:
    """Class name of a decision."""
    return decision.replace(" ", "-")


def run_link(digest: str) -> Html:
    """A run's hash, leading to its row in the list of runs."""
    return element("a", digest, href=f"#run-{digest}", class_="hash")


def run_links(digests: Iterable[str]) -> list[Content]:
    return between(" ", (run_link(digest) for digest in dict.fromkeys(digests)))


def proposal_link(number: int) -> Html:
    return element("a", f"#{number}", href=f"#proposal-{number}")


def code(text: str) -> Html:
    return element("code", text)


def change_code(change: dict[str, Any]) -> list[Content]:
    """A change to a recipe, one key after another."""
    return between(Html("<br>"), (code(f"{key} = {wording.value(new)}") for key, new in change.items()))


def runs_of(proposal: Facts) -> list[str]:
    """Hashes of all runs that a verdict rests on, in order."""
    return [pair[arm] for e in proposal["evidence"] for pair in e["pairs"] for arm in ("champion", "candidate")]


def hover_runs(digests: Sequence[str], most: int = 6) -> str:
    """Run hashes for a hover text, which has no room for many."""
    shown = ", ".join(digests[:most])
    return f"runs {shown}" + (f" and {len(digests) - most} more" if len(digests) > most else "")


def claim(effect: float | None, low: float | None, high: float | None) -> list[Content]:
    """An effect with its interval."""
    if effect is None:
        return [wording.UNKNOWN]
    return [
        element("b", wording.percent(effect)),
        " ",
        element("span", wording.percent_range(low, high), class_="interval"),
    ]
