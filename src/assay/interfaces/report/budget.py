"""The error budget: what each test was granted, spent and gave, and what is left."""

from assay.interfaces.report import wording
from assay.interfaces.report.html import Html, element
from assay.interfaces.report.parts import Facts, badge, definitions, details, nothing, proposal_link, section, table


def budget(facts: Facts) -> Html:
    found = facts["error_budget"]
    rows = [
        [
            proposal_link(row["number"]),
            row["author"],
            wording.percent(100 * row["share"], signed=False),
            wording.significant(row["level"]),
            wording.e_value(row["threshold"]),
            wording.e_value(row["e_value"]),
            badge(row["decision"]),
            "; ".join(row["reasons"]),
        ]
        for row in found["list"]
    ]
    headers = ["test", "by", "share spent", "level", "e-value needed", "e-value", "decision", "why"]
    return section(
        "error-budget",
        "Error budget",
        element("p", found["promise"]),
        element(
            "p",
            "Each test spends its share when it is registered, and gets it as a level, times one more than the "
            "promotions that stand (e-LOND). To promote, an e-value of one over that level is needed. Stopping and "
            "restarting give nothing back.",
        ),
        definitions(
            [
                ("spent", f"{wording.percent(100 * found['share_spent'], signed=False)} of the budget, by "
                          f"{wording.plural(found['tests'], 'test')}"),
                ("left", f"{wording.percent(100 * found['share_left'], signed=False)}, for all tests to come"),
                ("promotions that stand", str(found["promotions"])),
                ("next test", f"#{found['next_number']}: level {wording.significant(found['next_level'])}, so it needs "
                              f"an e-value of {wording.e_value(found['next_threshold'])}"),
            ]
        ),
        details("What each test was granted and gave", table("Budget by test", headers, rows, numeric=range(2, 6)))
        if rows
        else nothing("No test has been registered yet."),
    )  # fmt: skip
