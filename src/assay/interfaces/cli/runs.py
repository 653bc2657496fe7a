"""`assay runs`."""

import csv
import io
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, LabArgument, count, open_lab, print_json
from assay.spec.errors import UserError


def runs(
    lab: LabArgument = None,
    *,
    recipe: Annotated[
        str | None, Parameter(help="Only this one: a hash, start, champion or gen2; all if left out.")
    ] = None,
    scale: Annotated[str | None, Parameter(help="Only this scale of the ladder; all if left out.")] = None,
    csv_: Annotated[Path | None, Parameter(name="--csv", help="Write a table that other commands read.")] = None,
    json: Json = False,
) -> None:
    """List a lab's finished runs: sizes, tokens, compute, seeds and scores.

    With --csv as a table that `assay law` and `assay evidence` read, so that a lab's runs can be studied as any others.

    Examples:

        assay runs mylab --scale small
        assay runs mylab --recipe start --csv base.csv
        assay runs mylab --recipe champion --csv new.csv
    """
    from assay.campaign.run_table import run_table
    from assay.training.files import replace_file

    opened = open_lab(lab)
    names = [rung.name for rung in opened.config.ladder]
    if scale is not None and scale not in names:
        raise UserError(f"no scale is called '{scale}'; the ladder has: {', '.join(names)}")
    rows = run_table(opened, opened.recipe(recipe).hash if recipe else None, scale)
    if json:
        print_json({"runs": rows})
    elif csv_:
        if not rows:
            raise UserError("no such run has finished yet; `assay run` trains some")
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        replace_file(csv_, text.getvalue().encode())
        print(f"{count(len(rows), 'run')} written to {csv_}")
    else:
        print(count(len(rows), "finished run"))
        for row in rows:
            whose = "" if row["generation"] is None else f"generation {row['generation']}"
            print(
                f"  {row['run']}  {row['scale']:10} {row['recipe']} {whose:13} seed {row['seed']:<11} "
                f"{row['params']:>11,} params  {row['tokens']:>12,} tokens  {row['loss']:.4f}"
            )
