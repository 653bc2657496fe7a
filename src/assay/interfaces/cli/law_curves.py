"""`assay law isoflop` and `assay law frontier`: the best size, and the least loss, for each compute."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from assay.interfaces.cli.law import Svg
from assay.interfaces.cli.shared import Json, print_json

Table = Annotated[Path, Parameter(help="CSV or TSV with columns params, tokens, loss and optionally flops.")]


def isoflop(table: Table, *, svg: Svg = None, json: Json = False) -> None:
    """Find the best size at each compute budget: a parabola of loss in log params for each, and its lowest point.

    Says where no minimum is bracketed, and how the best size grows with compute.

    Examples:

        assay law isoflop runs.csv
        assay law isoflop runs.csv --svg isoflop.svg
    """
    from dataclasses import asdict

    from assay.evidence.scaling.isoflop import isoflop as best_sizes
    from assay.evidence.scaling.runs import read_runs

    runs = read_runs(table)
    found = best_sizes(runs)
    if svg:
        from assay.interfaces.report.picture import write_picture
        from assay.interfaces.report.scaling import isoflop_picture

        write_picture(svg, isoflop_picture(runs, found))
    if json:
        exponent = {"value": found.exponent, "lo": found.lo, "hi": found.hi, "note": found.note}
        print_json({"budgets": [asdict(budget) for budget in found.budgets], "compute_exponent": exponent,
                    "n": len(runs)})  # fmt: skip
        return
    print(f"{'FLOPs':>10} {'runs':>5}  {'best params':>12}  95% interval")
    for budget in found.budgets:
        if budget.params is None:
            print(f"{budget.flops:>10.3g} {budget.runs:>5}  {'–':>12}  {budget.note}")
            continue
        ends = budget.note if budget.lo is None or budget.hi is None else f"{budget.lo:.3g} to {budget.hi:.3g}"
        print(f"{budget.flops:>10.3g} {budget.runs:>5}  {budget.params:>12.4g}  {ends}")
    if found.exponent is None:
        print(f"\nCompute exponent: {found.note}.")
    else:
        ends = "" if found.lo is None or found.hi is None else f" ({found.lo:.3f} to {found.hi:.3f})"
        note = f"; {found.note}" if found.note else ""
        print(f"\nThe best number of parameters grows as compute to the power {found.exponent:.3f}{ends}{note}.")
    if svg:
        print(f"Picture: {svg}")


def frontier(
    table: Annotated[Path, Parameter(help="CSV or TSV with loss and flops (or params and tokens).")],
    *,
    svg: Svg = None,
    json: Json = False,
) -> None:
    """Find the least loss for each compute, and the curve E + a·C^−b through it.

    Examples:

        assay law frontier runs.csv
        assay law frontier runs.csv --svg frontier.svg --json
    """
    import numpy as np

    from assay.evidence.scaling.curves import read_curve
    from assay.evidence.scaling.frontier import frontier as through

    curve = read_curve(table, one_recipe=False)
    flops = np.repeat(curve.flops, curve.counts)
    losses = np.array([loss for point in curve.points for loss in point.losses])
    found = through(flops, losses, curve.name)
    if svg:
        from assay.interfaces.report.picture import write_picture
        from assay.interfaces.report.scaling import frontier_picture

        write_picture(svg, frontier_picture(flops, losses, found))
    names = ("E", "a", "b")
    if json:
        print_json({
            **{name: getattr(found, name) for name in names},
            "ci": {name: list(found.interval(i)) for i, name in enumerate(names)},
            "centre_flops": found.centre, "refused": found.untold, "n": len(losses),
            "frontier": [{"flops": c, "loss": v} for c, v in zip(found.flops.tolist(), found.losses.tolist(),
                                                                 strict=True)],
        })  # fmt: skip
        return
    print(f"{len(found.places)} of {len(losses)} runs have the least loss for their compute.")
    print(f"loss = E + a·(C / {found.centre:.3g})^−b\n")
    for i, name in enumerate(names):
        low, high = found.interval(i)
        print(f"  {name}  {getattr(found, name):>8.4f}  95% interval {low:.4f} to {high:.4f}")
    if found.untold:
        print(f"\nNot to be relied on: {found.untold}.")
    if svg:
        print(f"\nPicture: {svg}")
