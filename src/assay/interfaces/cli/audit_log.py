"""`assay audit-log`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, print_json


def audit_log(
    table: Annotated[Path, Parameter(help="The log: CSV or TSV with a row a run, in order.")],
    /,
    *,
    sigma: Annotated[float | None, Parameter(help="One run's deviation; from repeats in the log if left out.")] = None,
    alpha: Annotated[float, Parameter(help="Level, for each change and for the whole log.")] = 0.05,
    value: Annotated[str | None, Parameter(help="Column of the results; common names are found.")] = None,
    status: Annotated[str | None, Parameter(help="Column of what was decided; common names are found.")] = None,
    name: Annotated[str | None, Parameter(help="Column that is equal for runs of one configuration.")] = None,
    keep: Annotated[str | None, Parameter(help="Status of a kept change; common words are known.")] = None,
    higher_is_better: Annotated[bool, Parameter(help="Larger values are better.", negative="")] = False,
    svg: Annotated[Path | None, Parameter(help="Draw a picture into this file.")] = None,
    json: Json = False,
) -> None:
    """Which kept changes of another system's log stand beyond noise?

    Reads autoresearch's results.tsv, and any CSV or TSV table with a row a run and columns of results and decisions.
    Each kept change is compared with what was kept before it. One run's deviation (sigma) is given, or estimated from
    repeats in the log. Every change that was tried counts in the correction, since luck had as many chances.

    Examples:

        assay audit-log results.tsv --sigma 1.1e-4 --svg log.svg

        assay audit-log runs.csv --value loss --status decision --keep yes
    """
    from assay.evidence.foreign_log import audit_log as audit
    from assay.evidence.tables import shorten

    found = audit(
        table, sigma=sigma, alpha=alpha, value=value, status=status, name=name, keep=keep,
        higher_is_better=higher_is_better,
    )  # fmt: skip
    if svg is not None:
        from assay.interfaces.report.foreign_log import draw
        from assay.interfaces.report.picture import write_picture

        write_picture(svg, draw(found, table.name))
    if json:
        print_json(found.facts())
        return
    facts = found.facts()
    print(
        f"Of {facts['n_kept']} kept changes {facts['stand_uncorrected']} stand beyond noise at {alpha:g} each; "
        f"{facts['stand_corrected']} stand when all {found.n_tried} measured tries are counted (Holm)."
    )
    source = "an assumption" if sigma is not None else f"from repeats, {found.degrees} degrees of freedom"
    print(f"  sigma      {found.sigma:.3g}, one run's deviation ({source})")
    if sigma is not None and found.sigma_of_repeats is not None:
        print(f"             repeats in the log say {found.sigma_of_repeats:.3g}")
    print(
        f"  gain       {facts['gain_total']:.6g} in all; {facts['gain_standing']:.6g} of it stands, "
        f"{facts['gain_standing_corrected']:.6g} corrected"
    )
    print(
        f"  luck alone {found.chance_keeps:.1f} keeps and a gain of {found.chance_gain:.3g} on average, if none of the "
        f"{found.n_tried} tries did anything"
    )
    print(f"  {'line':>5} {'gain':>11} {'z':>7} {'p':>8}  {'':<9} change")
    for change in found.changes:
        said = "corrected" if change.stands_corrected else "alone" if change.stands else "noise"
        text = shorten(change.description or change.name)
        print(f"  {change.line:>5} {change.gain:>+11.4g} {change.z:>7.2f} {change.p_value:>8.2g}  {said:<9} {text}")
