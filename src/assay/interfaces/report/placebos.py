"""Placebos: how often the lab is fooled by a change that changes nothing."""

from assay.interfaces.report import wording
from assay.interfaces.report.html import Content, Html, element
from assay.interfaces.report.parts import Facts, details, nothing, run_links, section, table


def placebos(facts: Facts) -> Html:
    found = facts["placebos"]
    rows = [
        [
            str(row["number"]),
            str(row["generation"]),
            wording.e_value(row["e_value"]),
            wording.e_value(row["threshold"]),
            str(row["pairs"]),
            "passed" if row["passed"] else "did not pass",
            [*row["reasons"], " ", *run_links(row["runs"])],
        ]
        for row in found["list"]
    ]
    return section(
        "placebos",
        "Placebos",
        element(
            "p",
            "Now and then the lab slips in a test whose candidate is the champion itself with other random numbers. "
            "Researchers do not know of it. None should pass; one that does stops the lab until a person has looked.",
        ),
        _alarm(facts),
        element("p", _rate(facts), class_="lead") if rows else nothing("No placebo has come to a verdict yet."),
        details(
            wording.plural(len(rows), "placebo"),
            table(
                "Placebos with a verdict",
                ["placebo", "against generation", "e-value", "needed", "pairs", "outcome", "why, and runs"],
                rows,
                numeric=range(1, 5),
            ),
        )
        if rows
        else None,
    )


def _rate(facts: Facts) -> str:
    found = facts["placebos"]
    share, low, high = (wording.percent(100 * found[key], signed=False) for key in ("share", "low", "high"))
    passed = f"{found['passed']} of {wording.plural(found['decided'], 'placebo')} passed"
    return f"{passed}: a false-promotion rate of {share}, exact 95% interval {low} to {high}."


def _alarm(facts: Facts) -> list[Content]:
    found = facts["placebos"]
    said: list[Content] = [
        element("p", f"Alarm of placebo {a['number']}, answered by {a['by']}: {a['reason']}", class_="aside")
        for a in found["acknowledged"]
    ]
    if found["alarm"] is not None:
        text = f"Alarm: placebo {found['alarm']} passed. Nothing is tested until a person says what was wrong."
        said.append(element("p", element("strong", text, class_="alarm")))
    return said
