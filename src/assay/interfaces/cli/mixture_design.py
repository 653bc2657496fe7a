"""`assay mixture design`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from assay.interfaces.cli.mixture_options import Available, Epochs, Least, Most, Seed, TrainTokens, Weights, limits_from
from assay.interfaces.cli.shared import Json, count, print_json
from assay.spec.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def design(
    source: Path,
    *,
    number: Annotated[int, Parameter(name=("--number", "-n"), help="Mixtures wanted.")],
    aim: Annotated[
        Literal["learn", "best"], Parameter(help="With a model: learn about all mixtures, or find the best one.")
    ] = "learn",
    weights: Weights = None,
    least: Least = None,
    most: Most = None,
    available: Available = None,
    train_tokens: TrainTokens = None,
    epochs: Epochs = 4.0,
    seed: Seed = 0,
    out: Annotated[Path | None, Parameter(help="CSV file for the mixtures, which `fit` reads back.")] = None,
    json: Json = False,
) -> None:
    """Choose the mixtures to train next. SOURCE is a table or a model.

    A table with the columns domain and tokens gives mixtures that fill the space around the shares of tokens; a table
    of mixtures gives others that lie far from those; a model gives those that tell most, or that may be the best.

    Examples:

        assay mixture design tokens.csv -n 32 --out mixtures.csv
        assay mixture design model.json -n 8 --aim best --out more.csv
    """
    import numpy as np

    from assay.evidence.mixtures.design import informative, space_filling
    from assay.evidence.mixtures.model import combined, is_model, load
    from assay.evidence.mixtures.table import domain_table, find_domains, named_domains, shares_of
    from assay.evidence.tables import read_table

    if not 1 <= number <= 1000:
        raise UserError(f"-n {number}: between 1 and 1,000 mixtures can be designed at once")
    removed: float | None = None
    limits_given = (least, most, available, train_tokens, epochs)
    if is_model(source):
        fitted = load(source)
        domains, method = list(fitted.domains), aim
        regression, _ = combined(fitted)
        limits = limits_from(domains, *limits_given)
        points, removed = informative(regression, fitted.weights, number, limits, aim, seed)
    else:
        table, method = read_table(source), "space filling"
        shares = domain_table(source, table)
        if shares is not None:
            domains, centre = shares
            points = space_filling(centre, number, limits_from(domains, *limits_given), None, seed)
        else:
            columns = list(table.columns)
            domains = named_domains(table, columns, weights) if weights else find_domains(table, columns)
            present = shares_of(table, domains)
            centre = np.asarray(present.mean(axis=0))
            points = space_filling(centre, number, limits_from(domains, *limits_given), present, seed)
    if out:
        _write_mixtures(out, domains, points)
    mixtures = [dict(zip(domains, row, strict=True)) for row in points.tolist()]
    if json:
        print_json({"method": method, "seed": seed, "domains": domains, "mixtures": mixtures,
                    "variance_removed": removed, "out": str(out) if out else None})  # fmt: skip
        return
    print(f"{count(number, 'mixture')} of {len(domains)} domains ({method}, seed {seed})")
    for place, mixture in enumerate(mixtures[:20]):
        first = sorted(mixture.items(), key=lambda item: -item[1])[:4]
        print(f"  {place + 1:>3}  {', '.join(f'{share:.3f} {name}' for name, share in first if share)}")
    if len(mixtures) > 20:
        print(f"  … and {len(mixtures) - 20} more")
    if removed is not None:
        print(f"measuring them takes away {100 * removed:.0f}% of the mean variance over the space")
    if out:
        print(f"written to {out}")


def _write_mixtures(path: Path, domains: Sequence[str], points: "NDArray[np.float64]") -> None:
    import csv
    import io

    from assay.training.files import replace_file

    if not path.absolute().parent.is_dir():
        raise UserError(f"{path} cannot be written: there is no folder {path.parent}")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["index", *domains])
    writer.writerows([place, *(f"{share:.4f}" for share in row)] for place, row in enumerate(points.tolist(), 1))
    replace_file(path, text.getvalue().encode())
