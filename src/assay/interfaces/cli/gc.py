"""`assay gc`."""

from typing import Annotated

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, LabArgument, count, open_lab, print_json, size


def gc(
    lab: LabArgument = None,
    *,
    dry_run: Annotated[bool, Parameter(negative="", help="Only say what would be freed.")] = False,
    json: Json = False,
) -> None:
    """Free the checkpoints that no verdict needs. Scores, metrics and logs of every run stay.

    Kept are the checkpoints behind each promotion and those of runs that are not finished.

    Examples:

        assay gc mylab --dry-run
        assay gc mylab
    """
    from assay.campaign.collect import collect

    freed = collect(open_lab(lab), dry_run)
    if json:
        print_json(freed)
        return
    verb = "Would free" if dry_run else "Freed"
    print(f"{verb} {size(freed['bytes'])}: checkpoints of {count(freed['runs'], 'run')}. {freed['kept']} kept.")
