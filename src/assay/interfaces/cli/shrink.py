"""`assay evidence shrink`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, print_json


def shrink(
    table: Annotated[Path, Parameter(help="Columns effect and se; name and df (degrees of freedom) if there are any.")],
    *,
    json: Json = False,
) -> None:
    """What is left of measured effects once luck is taken off? One row a test, whatever became of it.

    What was picked out for being large is too large on average. This looks at all tests together, sees how widely true
    effects are spread beside the noise, and pulls each towards what is usual. Leave no failures out of the table: with
    the good ones alone nothing can be said of luck. Tests must share a unit, and better must have the same sign in all.

    Examples:

        assay evidence shrink effects.csv
        assay evidence shrink effects.csv --json
    """
    from assay.evidence.shrinkage import FEW
    from assay.evidence.shrinkage import shrink as shrink_effects
    from assay.evidence.tables import read_table

    read = read_table(table, ("effect", "se"), least=2)
    effects, errors = read.numbers("effect"), read.numbers("se", positive=True)
    degrees = read.numbers("df", positive=True) if "df" in read.columns else None
    names = read.text("name") if "name" in read.columns else tuple(f"row {i + 1}" for i in range(len(read)))
    prior, found = shrink_effects(effects.tolist(), errors.tolist(), None if degrees is None else degrees.tolist())
    note = (
        f"fewer than {FEW} tests: the prior is mostly the weak default, which takes a share of changes that do "
        f"something from 1% to 100% to be equally likely"
        if prior.weak
        else ""
    )
    rows = [
        {"name": name, "effect": float(m), "se": float(s), **asdict(shrunken)}
        for name, m, s, shrunken in zip(names, effects, errors, found, strict=True)
    ]
    if json:
        print_json({"prior": asdict(prior), "note": note, "tests": rows})
        return
    print(f"{len(rows)} tests: {100 * prior.share:.0f}% of changes do something; the effect of those is about "
          f"{prior.location:+.3g}, give or take {prior.scale:.3g}.")  # fmt: skip
    if note:
        print(f"Note: {note}.")
    width = max(4, *map(len, names))
    print(f"{'test':{width}}  {'measured':>10}  {'se':>8}  {'shrunken':>10}  {'95% interval':>23}  P(> 0)")
    for row in rows:
        spread = f"[{row['low']:+.4g}, {row['high']:+.4g}]"
        print(
            f"{row['name']:{width}}  {row['effect']:>+10.4g}  {row['se']:>8.3g}  {row['mean']:>+10.4g}  {spread:>23}  "
            f"{row['positive']:.3f}"
        )
