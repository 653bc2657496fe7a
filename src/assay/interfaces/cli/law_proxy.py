"""`assay law proxy`: do small runs rank recipes as large ones do?"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, print_json

Table = Annotated[Path, Parameter(help="CSV or TSV with a column that names the recipe, and its loss.")]


def proxy(
    small: Table,
    large: Table,
    *,
    on: Annotated[
        str | None, Parameter(help="Column that names the recipe; recipe, name, index, run or id if left out.")
    ] = None,
    loss: Annotated[str, Parameter(help="Column of the losses.")] = "loss",
    json: Json = False,
) -> None:
    """Do SMALL runs rank recipes as LARGE ones do? Several rows of a recipe are its seeds.

    Decision accuracy is the share of pairs of recipes that the small runs order as the large ones do; regret is how
    much loss picking by the small runs costs at the large scale.

    Examples:

        assay law proxy small.csv large.csv
        assay law proxy small.csv large.csv --on mixture --json
    """
    from dataclasses import asdict

    from assay.evidence.scaling.proxy import proxy as rank
    from assay.evidence.scaling.proxy import read_losses

    found = rank(read_losses(small, on, loss), read_losses(large, on, loss))
    if json:
        print_json(asdict(found))
        return
    print(f"{found.recipes} recipes are in both tables.\n")
    for name, share in (
        ("Spearman", found.spearman), ("Kendall", found.kendall), ("decision accuracy", found.decision_accuracy),
    ):  # fmt: skip
        print(f"  {name:<18} {share.value:.3f}  95% interval {share.lo:.3f} to {share.hi:.3f}")
    if found.decision_accuracy_beyond_noise is not None:
        print(f"  {'beyond noise':<18} {found.decision_accuracy_beyond_noise:.3f}  over the {found.pairs_beyond_noise} "
              f"pairs whose large runs differ by more than two standard errors")  # fmt: skip
    if found.noise_ceiling is not None:
        print(f"  {'noise ceiling':<18} {found.noise_ceiling:.3f}  Spearman that a perfect proxy would show")
    for top, regret in found.regret.items():
        print(f"  {'regret, ' + top.replace('_', ' '):<18} {regret:.4f}  of the large runs' loss")
