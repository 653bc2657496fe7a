"""`assay runs`: a lab's own runs as a table that other commands read."""

import csv
import io
import json
from pathlib import Path

import pytest

import assay as package

from .helpers import assay


def test_runs_are_those_of_the_store(used: Path) -> None:
    rows = json.loads(assay("runs", used, "--json").out)["runs"]
    frame = package.open(str(used)).runs()
    finished = frame[frame["status"] == "finished"].set_index("hash")
    assert {row["run"] for row in rows} == set(finished.index)
    for row in rows:
        assert row["loss"] == row["value"] == finished.loc[row["run"], "score"]
        assert row["flops"] == pytest.approx(finished.loc[row["run"], "flops"])
        assert row["tokens"] > 0
        assert row["params"] > 0


def test_the_table_is_read_by_other_commands(used: Path, tmp_path: Path) -> None:
    a, b = tmp_path / "a.csv", tmp_path / "b.csv"
    assert assay("runs", used, "--recipe", "start", "--scale", "one", "--csv", a).code == 0
    rows = list(csv.DictReader(io.StringIO(a.read_text())))
    assert {row["generation"] for row in rows} == {"0"}
    assert {row["scale"] for row in rows} == {"one"}
    b.write_text(a.read_text().replace(rows[0]["value"], str(float(rows[0]["value"]) + 0.001)))
    compared = assay("evidence", "compare", a, b, "--paired", "--json")
    assert compared.code == 0, compared.err
    assert json.loads(compared.out)["n_used"] == len(rows)


def test_what_there_is_not_is_said(fresh: Path, used: Path, tmp_path: Path) -> None:
    assert assay("runs", fresh).out == "0 finished runs\n"
    done = assay("runs", fresh, "--csv", tmp_path / "a.csv")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "no such run has finished" in done.err
    done = assay("runs", used, "--scale", "huge")
    assert done.code == 2
    assert "the ladder has: one, two, three" in done.err
