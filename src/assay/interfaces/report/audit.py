"""The audit of the champion: what it loses without each promoted change, as a table and a picture."""

from pathlib import Path
from typing import Any

from assay.interfaces.report import picture, plot, wording
from assay.interfaces.report.effects import effect_axis, effect_ticks
from assay.interfaces.report.html import Content, Html, element
from assay.interfaces.report.parts import (
    Facts,
    change_code,
    details,
    figure,
    hover_runs,
    nothing,
    proposal_link,
    section,
    table,
)
from assay.interfaces.report.plot import Axis

Row = dict[str, Any]

#: Class and shape of a mark by answer.
MARKS = {"holds": ("good", 0), "does not hold": ("bad", 3), "undecided": ("unsure", 1), "open": ("unsure", 1)}
READING = (
    "What the champion gains by each promoted change that is still in it: champion against the champion without the "
    "change, on fresh seeds, per cent of bits per byte, with 95% intervals; right of zero the change helps. Taking one "
    "change back at a time, effects need not add up to that of all together."
)


def audit(facts: Facts) -> Html:
    """The section of the report."""
    found = facts["audit"]
    if found["note"]:
        return section("audit", "Audit", nothing(f"{found['note'][0].upper()}{found['note'][1:]}."))
    lead = (
        f"Audit {found['audit']}, at scale “{found['scale']}”, of the champion of generation {found['generation']}. "
        f"The chance of any wrong answer in an audit is at most {100 * found['level']:.0f}%: an answer of the last "
        f"round needed an e-value of {wording.e_value(found['threshold'])}."
    )
    if not found["current"]:
        lead += " The champion has changed since; `assay audit` asks about the one of now."
    elif not found["complete"]:
        lead += " It ran out of its budget before every question had its answer; `assay audit` goes on with it."
    return section("audit", "Audit", element("p", lead), _picture(found), _drift(found), _table(found))


def _measured(found: Row) -> list[Row]:
    rows = [row | {"decision": "supported"} for row in found["changes"] if row["effect_percent"] is not None]
    drift = found["drift"]
    if drift and drift["effect_percent"] is not None:
        rows.append(drift | {"decision": "supported", "generation": 0, "answer": "holds"})
    return rows


def _marks(rows: list[Row], axis: Axis) -> list[Content]:
    """Intervals and points from top to bottom, in per cent."""
    marks: list[Content] = [plot.line(axis.at(0), 0, axis.at(0), 100, class_="zero")]
    for place, row in enumerate(rows):
        y = 100 * (1 - (place + 0.5) / len(rows))
        low, high = row["low_percent"], row["high_percent"]
        kind, shape = MARKS.get(row["answer"], ("faint", 1))
        hover = (
            f"{_name(row)}: {wording.percent(row['effect_percent'])}, 95% interval {wording.percent_range(low, high)}, "
            f"{wording.plural(row['pairs'], 'pair')}; {hover_runs(row['runs'])}"
        )
        if low is not None and high is not None:
            marks.append(plot.line(axis.at(low), y, axis.at(high), y, hover, class_=f"interval {kind}"))
        marks.append(plot.marker(shape, axis.at(row["effect_percent"]), y, hover, class_=f"mark {kind}"))
    return marks


def _name(row: Row) -> str:
    return f"gen {row['generation']}" if row["generation"] else "all"


def _picture(found: Row) -> Html:
    title = "What the champion loses without each change"
    rows = _measured(found)
    if not rows:
        return figure("audit-effects", title, READING, nothing("No pair has been measured yet."))
    axis = effect_axis(rows)
    drawn = plot.plot(
        _marks(rows, axis),
        x_ticks=effect_ticks(axis, 5),
        y_ticks=_places(rows),
        x_label="effect of the change, %",
        y_label="generation",
        height=70 + 34 * len(rows),
        alt=f"Leave-one-out effects of {wording.plural(len(rows), 'question')}",
    )
    return figure("audit-effects", title, READING, drawn)


def _places(rows: list[Row]) -> list[tuple[float, str]]:
    return [(100 * (1 - (place + 0.5) / len(rows)), _name(row)) for place, row in enumerate(rows)]


def _drift(found: Row) -> Html | None:
    drift = found["drift"]
    if not drift or drift["effect_percent"] is None:
        return None
    claimed = drift["claimed"]
    names = {"raw": "confirmations", "remeasured": "fresh measurements", "shrunken": "shrunken estimates"}
    told = [f"{wording.percent(claimed[key])} by the {said}" for key, said in names.items() if claimed[key] is not None]
    return element(
        "p",
        "Against generation 0 the audited champion saves ",
        element("b", wording.percent(drift["effect_percent"])),
        f" ({wording.percent_range(drift['low_percent'], drift['high_percent'])}, "
        f"{wording.plural(drift['pairs'], 'pair')}). The certificates' product is {', '.join(told)}.",
    )


def _table(found: Row) -> Html:
    rows: list[list[Content]] = [
        [
            str(row["generation"]),
            [change_code(row["change"]), " ", proposal_link(row["proposal"])],
            wording.percent(row["effect_percent"]),
            wording.percent_range(row["low_percent"], row["high_percent"]) if row["pairs"] else wording.UNKNOWN,
            wording.percent(row["claimed_percent"]),
            wording.percent(row["shrunken_percent"]),
            str(row["pairs"]),
            wording.e_value(row["e_value"]),
            element("b", "dropped") if row["dropped"] else row["answer"],
            "; ".join(row["reasons"]),
        ]
        for row in found["changes"]
    ]
    headers = [
        "generation", "change", "effect now", "95% interval", "claimed", "shrunken", "pairs", "e-value", "answer",
        "why",
    ]  # fmt: skip
    shown = table("Every promoted change under audit", headers, rows, numeric=(0, 2, 3, 4, 5, 6, 7))
    return details("The numbers", shown)


def write_picture(found: Row, path: Path) -> None:
    """Write the picture of an audit as an SVG file.

    Args:
        found: as `assay.campaign.audit_facts.audit_facts` gives it.
        path: where to.

    Raises:
        UserError: it cannot be written there.
    """
    rows = _measured(found)
    axis = effect_axis(rows)
    kinds = dict.fromkeys(row["answer"] for row in rows)
    panel = picture.Panel(
        marks=_marks(rows, axis),
        x_ticks=effect_ticks(axis, 5),
        y_ticks=_places(rows),
        x_label="effect of the change, %",
        y_label="generation",
        legend=[(answer, *MARKS[answer]) for answer in kinds],
        height=max(120, 40 * len(rows)),
    )
    text = READING if rows else f"{found['note']}."
    picture.write_picture(path, picture.picture("Audit of the champion", text, [panel]))
