"""`assay report`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, LabArgument, open_lab, print_json


def report(
    lab: LabArgument = None,
    *,
    output: Annotated[Path | None, Parameter(help="Where to write it; LAB/report.html if left out.")] = None,
    open_: Annotated[bool, Parameter(name="--open", negative="", help="Open it in a browser.")] = False,
    json: Json = False,
) -> None:
    """Write the report: one page that needs no network, or with --json the facts behind it.

    Examples:

        assay report mylab --open
        assay report mylab --json
    """
    opened = open_lab(lab)
    if json:
        from assay.campaign.facts import facts

        print_json(facts(opened))
        return
    from assay.interfaces.report.page import write_report

    path = write_report(opened, output)
    print(f"Wrote {path}")
    if open_:
        import webbrowser

        webbrowser.open(path.resolve().as_uri())
