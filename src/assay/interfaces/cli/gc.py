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
    """Free the checkpoints that no verdict needs, and views of the corpus. Scores, metrics and logs of every run stay.

    Kept are the checkpoints behind each promotion and those of runs that are not finished. Of the views, which hold the
    text that recipes select, those stay that the champion, recipes under test and kept checkpoints read; the others are
    made again, the same to the byte, when a recipe asks for them.

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
    views = f" and {count(freed['views'], 'view')} of the corpus" if freed["views"] else ""
    print(f"{verb} {size(freed['bytes'])}: checkpoints of {count(freed['runs'], 'run')}{views}. {freed['kept']} kept.")
