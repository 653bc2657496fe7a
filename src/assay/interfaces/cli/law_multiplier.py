"""`assay law multiplier`: how much less compute a new recipe needs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from assay.interfaces.cli.law import Svg
from assay.interfaces.cli.shared import Json, print_json

if TYPE_CHECKING:
    from assay.evidence.scaling.transfer import Comparison

Table = Annotated[Path, Parameter(help="CSV or TSV with loss and flops (or params and tokens), optionally seed.")]


def multiplier(base: Table, new: Table, *, svg: Svg = None, json: Json = False) -> None:
    """How much less compute does NEW need for its loss than BASE does, and does the gain transfer to larger scales?

    Each table holds one recipe's losses at several computes; several runs at one compute are repeats. At each of NEW's
    computes the multiplier is the compute at which BASE reaches the same loss, over NEW's: 1.3 means that BASE pays 1.3
    times as much. Nothing is read off outside BASE's measured losses. Transfer: the gain grows, holds (within 10% per
    tenfold compute) or fades with compute, or it cannot be told.

    Examples:

        assay law multiplier base.csv new.csv
        assay law multiplier base.csv new.csv --json
        assay law multiplier base.csv new.csv --svg multiplier.svg
    """
    from dataclasses import asdict

    from assay.evidence.scaling.curves import read_curve
    from assay.evidence.scaling.transfer import compare_curves

    old, candidate = read_curve(base), read_curve(new)
    found = compare_curves(old, candidate)
    if svg:
        from assay.interfaces.report.picture import write_picture
        from assay.interfaces.report.scaling import multiplier_picture

        write_picture(svg, multiplier_picture(old, candidate, found))
    if json:
        print_json(asdict(found))
        return
    _print(found)
    if svg:
        print(f"\nPicture: {svg}")


def _print(found: "Comparison") -> None:
    from assay.interfaces.report import wording

    print("Compute multiplier of NEW over BASE (above 1: NEW needs less compute)\n")
    print(f"{'FLOPs':>10}  {'multiplier':>12}  95% interval")
    for at in found.per_scale:
        if at.value is None:
            print(f"{at.flops:>10.3g}  {'–':>12}  {at.note}")
        else:
            note = f"  ({at.note})" if at.note else ""
            print(f"{at.flops:>10.3g}  {wording.multiplier(at.value):>12}  "
                  f"{wording.multiplier_range(at.lo, at.hi)}{note}")  # fmt: skip
    if found.pooled:
        p = found.pooled
        scales = wording.plural(p.scales, "scale")
        print(f"\n{'pooled':>10}  {wording.multiplier(p.value):>12}  {wording.multiplier_range(p.lo, p.hi)}, "
              f"over {scales}")  # fmt: skip
        if not p.headline:
            print(
                f"            Preliminary, not to be quoted alone: {scales} inside BASE's range, and three are needed."
            )
    print(f"\nTransfer: {found.transfer}: {found.reason}.")
    print(f"Method: {found.method}.")
    for warning in found.warnings:
        print(f"Beware: {warning}.")
