"""`assay evidence noise` on plain tables."""

import random
from pathlib import Path

import pytest

from tests.interfaces.cli.helpers import assay


def write(path: Path, header: str, rows: list[str]) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def cells(levels: int = 10) -> list[tuple[int, int, float]]:
    """Scores in which initialisation (deviation 1) outweighs data order (0.1)."""
    rng = random.Random(1)
    a, b = [rng.gauss(0, 1) for _ in range(20)], [rng.gauss(0, 0.1) for _ in range(20)]
    return [(i, i + k, 50 + a[i] + b[i + k] + rng.gauss(0, 0.1)) for i in range(levels) for k in range(3)]


def test_parts_of_each_scale_with_intervals(tmp_path: Path) -> None:
    rows = [f"{i},{j},{value * size},{name}" for name, size in (("s", 1), ("m", 2)) for i, j, value in cells()]
    table = write(tmp_path / "runs.csv", "init,data,value,scale", rows)
    found = assay("evidence", "noise", table, "--json").json
    assert [row["scale"] for row in found] == ["s", "m"]
    small, medium = (row["parts"]["initialisation"] for row in found)
    assert small["low"] < 1 < small["high"]
    assert medium["value"] == pytest.approx(2 * small["value"], rel=1e-3)
    assert medium["percent"] == pytest.approx(small["percent"], rel=1e-3)
    assert found[0]["parts"]["repeat"] is None
    shown = assay("evidence", "noise", table).out
    assert "initialisation" in shown
    assert "no runs share both seeds" in shown


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        ("init,value", ["1,2", "2,3", "3,4", "4,5"], "data"),
        ("init,data,value", ["1,1,2"], "row"),
        ("init,data,value", ["1,1,2", "2,2,3", "3,3,4", "4,4,nan"], "nan"),
        ("init,data,value", ["1,1,2", "2,2,3", "3,3,4", "4,4,1"], "not varied apart"),
        ("init,data,value", ["1,1,2", "1,2,2", "2,1,2", "2,2,2"], "do not vary"),
        ("init,data,repeat,value", ["1,1,0,2", "1,2,0,3", "2,1,0,2.5", "1,1,0,2"], "stands there twice"),
    ],
)
def test_bad_tables_get_one_sentence(tmp_path: Path, header: str, rows: list[str], message: str) -> None:
    told = assay("evidence", "noise", write(tmp_path / "runs.csv", header, rows))
    assert told.code == 2
    assert message in told.err
    assert "Traceback" not in told.err
