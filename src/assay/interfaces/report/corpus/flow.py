"""What each step removed: a Sankey diagram from the documents that went in to those that are kept."""

from collections.abc import Mapping
from dataclasses import dataclass

from assay.corpus.analysis.facts import ADD, CorpusFacts, StepFacts
from assay.corpus.steps.account import Amount
from assay.interfaces.report import wording
from assay.interfaces.report.corpus import bars
from assay.interfaces.report.corpus.quoting import document, quoted
from assay.interfaces.report.html import Content, Html, element
from assay.interfaces.report.parts import details, figure, nothing, section, table

MOST_RULES = 10
_WIDTH, _BAND, _TURN = 1000, 460, 575  # of the drawing: all of it, the band of what is kept, where ribbons end
_HEAD, _ROW, _GAP, _THICK = 52, 26, 12, 150  # pixels; the last is the thickness of a ribbon of all documents


@dataclass(frozen=True)
class _Out:
    """What leaves the band: a rule, or several rare ones together."""

    name: str
    amount: Amount


def flow(facts: CorpusFacts) -> Html:
    """The diagram, its numbers, and a few of the documents that each rule removed."""
    title = "What each step removed"
    if not facts.steps:
        empty = nothing("No step has been recorded for this text: nothing is known to have been removed.")
        return section("steps", title, empty)
    first = facts.taken_in.documents
    return section(
        "steps",
        title,
        figure(
            "sankey",
            "From the documents that went in to those that are kept",
            "Widths are numbers of documents. Each document that leaves counts under the first rule that removes it.",
            _diagram(facts, max(1, first)),
        ),
        table(
            "The same in numbers. Bytes are of whole documents; where a rule only changed texts, what it took away.",
            ["step", "rule", "documents removed", "bytes", "documents changed", "bytes taken away", "of what went in"],
            [line for number, step in enumerate(facts.steps, 1) for line in _lines(step, number, max(1, first))],
            (2, 3, 4, 5, 6),
        ),
        _samples(facts),
    )


def _outs(removed: Mapping[str, Amount]) -> list[_Out]:
    listed = [_Out(name, amount) for name, amount in sorted(removed.items(), key=lambda item: -item[1].documents)]
    if len(listed) <= MOST_RULES + 1:
        return listed
    rest = listed[MOST_RULES:]
    return [*listed[:MOST_RULES], _Out(f"{len(rest)} other rules", sum((out.amount for out in rest), Amount()))]


def _diagram(facts: CorpusFacts, first: int) -> Html:
    drawn: list[Content] = []
    labels: list[Content] = []
    y, alive = 0.0, Amount()
    for number, step in enumerate(facts.steps):
        account = step.account
        alive = alive + account.into if account.step == ADD else account.into
        gone = sum(amount.documents for amount in account.removed.values())
        before, after = _BAND * alive.documents / first, _BAND * (alive.documents - gone) / first
        colour = f"--h:{(20 + 47 * number) % 360}"
        outs = _outs(account.removed)
        rows = [max(_ROW, _THICK * out.amount.documents / first + 8) for out in outs]
        changed = sum(amount.documents for amount in account.changed.values())
        labels.append(_node(y, account.step, alive, f"{changed:,} changes" if changed else ""))
        drawn.append(_rect(0, y, before, _HEAD))
        top = y + _HEAD
        height = sum(rows) + _GAP
        drawn.append(_rect(0, top, after, height))
        edge, place = before, top
        for out, row in zip(outs, rows, strict=True):
            width = _BAND * out.amount.documents / first
            middle = place + row / 2
            said = f"{account.step}: {out.name}, {bars.counted(out.amount.documents, out.amount.bytes)}"
            thick = max(1.5, _THICK * out.amount.documents / first)
            drawn.append(_ribbon(edge - width, edge, top, middle, thick, said, colour))
            labels.append(_label(middle, out, first))
            edge, place = edge - width, place + row
        y = top + height
        alive = Amount(documents=alive.documents - gone, bytes=alive.bytes - account.into.bytes + account.out.bytes)
    last = facts.totals
    drawn.append(_rect(0, y, _BAND * last.documents / first, _HEAD))
    labels.append(_node(y, "kept", last, ""))
    height = y + _HEAD
    drawing = element(
        "svg",
        drawn,
        viewBox=f"0 0 {_WIDTH} {height:.0f}",
        preserveAspectRatio="none",
        role="img",
        aria_label="Documents kept and removed, step by step; the table below has the numbers",
    )
    return element("div", drawing, labels, class_="sankey", style=f"height:{height:.0f}px")


def _rect(x: float, y: float, width: float, height: float) -> Html:
    # A band of few documents must still be seen; the half pixel hides the seam to the next.
    return element(
        "rect", x=f"{x:.1f}", y=f"{y:.1f}", width=f"{max(width, 3):.1f}", height=f"{height + 0.5:.1f}", class_="kept"
    )


def _ribbon(left: float, right: float, top: float, middle: float, thick: float, said: str, colour: str) -> Html:
    low, high = middle + thick / 2, middle - thick / 2
    right = max(right, left + 1)
    corners = (  # down the left edge and to the right, then back along the upper edge
        f"M{left:.1f},{top:.1f}",
        f"C{left:.1f},{(top + 2 * low) / 3:.1f} {(3 * left + 2 * _TURN) / 5:.1f},{low:.1f} {_TURN},{low:.1f}",
        f"L{_TURN},{high:.1f}",
        f"C{(3 * right + 2 * _TURN) / 5:.1f},{high:.1f} {right:.1f},{(top + 2 * high) / 3:.1f} {right:.1f},{top:.1f}Z",
    )
    return element("path", element("title", said), d="".join(corners), class_="gone", style=colour)


def _node(y: float, name: str, amount: Amount, more: str) -> Html:
    return element(
        "div",
        element("b", quoted(name)),
        element("span", f"{amount.documents:,} · {wording.size(amount.bytes)}" + (f" · {more}" if more else "")),
        class_="node",
        style=f"top:{y:.0f}px",
    )


def _label(middle: float, out: _Out, first: int) -> Html:
    filter_, _, rule = out.name.rpartition(".")
    return element(
        "div",
        element(
            "span", [element("span", f"{filter_}.", class_="of") if filter_ else None, quoted(rule)], class_="rule"
        ),
        element("span", f"{out.amount.documents:,}", class_="count"),
        element("span", bars.percent(out.amount.documents / first), class_="count part"),
        class_="out",
        style=f"top:{middle - 9:.0f}px",
        title=out.name,
    )


def _lines(step: StepFacts, number: int, first: int) -> list[list[Content]]:
    account = step.account
    name = f"{number}. {account.step}"
    summary: list[Content] = [
        name,
        element("b", "all"),
        f"{account.into.documents - account.out.documents:,}",
        wording.size(sum(amount.bytes for amount in account.removed.values())),
        f"{sum(amount.documents for amount in account.changed.values()):,}",
        _taken(sum(amount.bytes for amount in account.changed.values())),
        bars.percent((account.into.documents - account.out.documents) / first),
    ]
    rules = sorted(
        {*account.removed, *account.changed}, key=lambda rule: -account.removed.get(rule, Amount()).documents
    )
    found: list[list[Content]] = []
    for rule in rules:
        gone, changed = account.removed.get(rule), account.changed.get(rule)
        found.append(
            [
                name,
                element("code", quoted(rule)),
                f"{gone.documents:,}" if gone else wording.UNKNOWN,
                wording.size(gone.bytes) if gone else wording.UNKNOWN,
                f"{changed.documents:,}" if changed else wording.UNKNOWN,
                _taken(changed.bytes) if changed else wording.UNKNOWN,
                bars.percent(gone.documents / first) if gone else wording.UNKNOWN,
            ]
        )
    bad: list[list[Content]] = [
        [name, ["passed over: ", kind], f"{count:,}", *[wording.UNKNOWN] * 4] for kind, count in account.bad.items()
    ]
    return [summary, *found, *bad]


def _taken(count: int) -> str:
    return f"{wording.MINUS}{wording.size(-count)}" if count < 0 else wording.size(count)


def _samples(facts: CorpusFacts) -> Content:
    if not facts.removed:
        return None
    rules: dict[tuple[str, str], list[Content]] = {}
    for each in facts.removed:
        said = [" · ", quoted(each.detail)] if each.detail else []
        rules.setdefault((each.step, each.rule), []).append(document(each, *said))
    return element(
        "div",
        element("h3", "Documents that were removed"),
        element("p", "A few of each rule, drawn by chance.", class_="aside"),
        [
            details([element("code", quoted(f"{step}: {rule}")), f" ({wording.plural(len(shown), 'sample')})"], shown)
            for (step, rule), shown in rules.items()
        ],
    )
