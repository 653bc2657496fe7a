"""`assay evidence noise`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from assay.interfaces.cli.shared import Json, count, print_json


def noise(
    table: Annotated[Path, Parameter(help="Table with a row a run.")],
    /,
    *,
    value: Annotated[str, Parameter(help="Column of the scores.")] = "value",
    json: Json = False,
) -> None:
    """Where does the noise of a score come from? TABLE is a CSV or TSV with columns init, data and value.

    Equal entries of init (or data) mean that runs shared their initialisation (or data order); runs that shared both
    are repeats. With a column scale each scale is split by itself. Deviations come with 95% intervals.

    Examples:

        assay evidence noise runs.csv

        assay evidence noise runs.csv --value loss --json
    """
    from assay.evidence.noise_table import noise_table

    found = noise_table(table, value)
    if json:
        print_json(found)
        return
    for row in found:
        name = f"{row['scale']}: " if row["scale"] is not None else ""
        print(f"{name}{count(row['runs'], 'run')}, mean {row['mean']:.6g}; deviations from")
        for source, part in row["parts"].items():
            if part is None:
                said = "no runs share both seeds"
            elif source == "repeat" and not part["value"]:
                said = f"none seen in {count(row['repeats'], 'repeat')}"
            else:
                high = "?" if part["high"] is None else f"{part['high']:.3g}"
                share = "" if part["percent"] is None else f", {part['percent']:.2f}% of the mean"
                said = f"{part['value']:.3g} [{part['low']:.3g}, {high}]{share}"
            print(f"  {source:16} {said}")
