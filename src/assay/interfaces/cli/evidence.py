"""`assay evidence compare`."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, print_json

Condition = Annotated[
    list[str] | None, Parameter(help="Use only rows whose column says so: column=value.", negative="")
]


def compare(
    a: Annotated[Path, Parameter(help="Table of the baseline's runs.")],
    b: Annotated[Path, Parameter(help="Table of the candidate's runs.")],
    /,
    *,
    paired: Annotated[bool, Parameter(help="Rows with the same seed belong together.", negative="")] = False,
    test: Annotated[Literal["superiority", "noninferiority", "equivalence"], Parameter(help="The claim.")] = (
        "superiority"
    ),
    margin: Annotated[float | None, Parameter(help="Largest loss, or difference, that does not matter.")] = None,
    alpha: Annotated[float, Parameter(help="Level of the test.")] = 0.05,
    design: Annotated[Literal["fixed", "sequential"], Parameter(help="All rows at once, or in order of arrival.")] = (
        "fixed"
    ),
    value: Annotated[str, Parameter(help="Column of the values; lower is better.")] = "value",
    where_a: Condition = None,
    where_b: Condition = None,
    svg: Annotated[Path | None, Parameter(help="Draw a picture into this file.")] = None,
    json: Json = False,
) -> None:
    """Is candidate B better than baseline A? Each is a CSV or TSV table with a row a run: columns value, perhaps seed.

    The effect is mean(B) − mean(A); lower values are better. A claim is supported, refuted (no effect in the 95%
    interval fits it) or inconclusive. With --design sequential the rows are read in order of arrival, up to the first
    decision; such a test may be looked at after every row.

    Examples:

        assay evidence compare a.csv b.csv --paired --svg effect.svg

        assay evidence compare a.csv b.csv --test noninferiority --margin 0.003

        assay evidence compare all.csv all.csv --where-a arm=old --where-b arm=new
    """
    from assay.evidence.sample_tables import compare_tables

    found = compare_tables(
        a, b, paired=paired, test=test, margin=margin, alpha=alpha, design=design, value=value,
        where_a=where_a or (), where_b=where_b or (),
    )  # fmt: skip
    if svg is not None:
        from assay.interfaces.report.picture import write_picture
        from assay.interfaces.report.samples import draw

        names = (a.name, b.name) if a.name != b.name else (", ".join(where_a or ("a",)), ", ".join(where_b or ("b",)))
        write_picture(svg, draw(found, *names))
    if json:
        print_json(found.facts())
        return
    claims = {
        "superiority": "b is better than a",
        "noninferiority": f"b is worse by less than {margin:g}" if margin else "",
        "equivalence": f"a and b differ by less than {margin:g}" if margin else "",
    }
    print(f"{found.verdict.capitalize()}: {claims[test]}.")
    spread = (
        f"{found.lo:+.6g} to {found.hi:+.6g}" if found.lo is not None and found.hi is not None else "not bounded yet"
    )
    print(f"  effect    {found.effect:+.6g} (negative is better); 95% interval {spread}")
    print(f"  a         {found.n_a} values, mean {found.mean_a:.6g}, deviation {found.sd_a:.3g}")
    print(f"  b         {found.n_b} values, mean {found.mean_b:.6g}, deviation {found.sd_b:.3g}")
    if design == "fixed":
        print(f"  p-value   {found.p_value:.3g} ({alpha:g} needed); e-value {found.e_value:.3g}, for information")
    else:
        most = f"{found.e_max:.3g} at most ({1 / alpha:g} needed)"
        print(f"  e-value   {found.e_value:.3g} after {found.n_used} pairs, {most}")
        signs = "" if found.sign_e_value is None else f"; from signs alone the e-value is {found.sign_e_value:.3g}"
        print(f"  p-value   {found.p_value:.3g} at any time{signs}")
    print(f"  method    {found.method}")
    for note in found.notes:
        print(f"  note      {note}")
