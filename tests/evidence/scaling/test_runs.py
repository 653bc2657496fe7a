"""Bad tables of runs get one sentence that says what is wrong."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from assay.evidence.scaling.runs import Runs, read_runs
from assay.spec.errors import UserError

from .planted import runs, sizes, table

GOOD = runs(noise=0.003, sides=4)


def spoil(change: Callable[[list[list[str]]], object], tmp_path: Path, **more: object) -> str:
    """The sentence about a good table after a change to its rows, the header first."""
    path = table(tmp_path / "runs.csv", GOOD, **more)
    rows = [line.split(",") for line in path.read_text().splitlines()]
    change(rows)
    path.write_text("\n".join(",".join(row) for row in rows) + "\n")
    with pytest.raises(UserError) as error:
        read_runs(path, "run" if "run" in more else None)
    sentence = str(error.value)
    assert "\n" not in sentence
    assert str(path) in sentence
    return sentence


def put(line: int, column: int, entry: str) -> Callable[[list[list[str]]], None]:
    def change(rows: list[list[str]]) -> None:
        rows[line - 1][column] = entry

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put(1, 1, "toks"), "no column 'tokens'"),
        (put(3, 2, "nan"), "line 3"),
        (put(4, 2, ""), "the entry is empty"),
        (put(4, 2, "-3"), "above zero"),
        (put(5, 0, "70M"), "write the plain number, 7e+07"),
        (put(6, 1, "1.4B"), "has a unit"),
        (lambda rows: rows.__delitem__(slice(2, None)), "one row"),
        (lambda rows: rows.__delitem__(slice(6, None)), "at least 6"),
        (lambda rows: rows.append(list(rows[4])), "lines 5 and 18 are the same run"),
        (lambda rows: [row.__setitem__(2, "3.1") for row in rows[1:]], "constant"),
        (lambda rows: [row.__setitem__(0, "1e9") for row in rows[1:]], "at least 3"),
    ],
)
def test_spoilt_tables(change: Callable[[list[list[str]]], object], said: str, tmp_path: Path) -> None:
    assert said in spoil(change, tmp_path)


def test_loss_rising_with_compute(tmp_path: Path) -> None:
    def change(rows: list[list[str]]) -> None:
        for row in rows[1:]:
            row[2] = f"{10 - float(row[2]):.6f}"

    assert "rises with compute" in spoil(change, tmp_path)


def test_tokens_in_billions_in_some_rows(tmp_path: Path) -> None:
    def change(rows: list[list[str]]) -> None:
        for row in rows[9:]:
            row[1] = f"{float(row[1]) / 1e9:.6g}"

    assert "mixed units" in spoil(change, tmp_path)


def test_flops_that_do_not_fit_params_and_tokens(tmp_path: Path) -> None:
    flops = [f"{value:.6g}" for value in GOOD.flops]
    flops[7] = f"{GOOD.flops[7] / 1e15:.6g}"
    assert "line 9" in spoil(lambda _rows: None, tmp_path, flops=flops)


def test_flops_of_another_unit_throughout_are_welcome(tmp_path: Path) -> None:
    path = table(tmp_path / "runs.csv", GOOD, flops=[f"{value / 1e18:.8g}" for value in GOOD.flops])
    assert len(read_runs(path)) == len(GOOD)


def test_equal_losses_of_different_seeds_are_no_copies(tmp_path: Path) -> None:
    path = table(tmp_path / "runs.csv", GOOD, seed=[0] * len(GOOD))
    first = path.read_text().splitlines()[1]
    path.write_text(path.read_text() + first.removesuffix("0") + "1\n")
    assert len(read_runs(path)) == len(GOOD) + 1


def test_a_curve_under_two_names(tmp_path: Path) -> None:
    params, tokens = sizes(3)
    names = [f"run{value:.0f}" for value in params]
    losses = 2 + 1e3 / params**0.35 + 5e3 / tokens**0.35
    twice = Runs.of(
        np.append(params, [8e9] * 3), np.append(tokens, tokens[:3]), np.append(losses, losses[params == params[0]])
    )
    path = table(tmp_path / "runs.csv", twice, run=[*names, *["copy"] * 3])
    order = [i for i in range(9) if params[i] == params[0]]
    text = path.read_text().splitlines()
    for place, i in enumerate(order):  # the copy has the first run's tokens
        row = text[10 + place].split(",")
        text[10 + place] = ",".join([row[0], f"{tokens[i]:.10g}", text[1 + i].split(",")[2], "copy"])
    path.write_text("\n".join(text) + "\n")
    with pytest.raises(UserError, match="same curve"):
        read_runs(path, "run")


def test_too_many_dropped() -> None:
    with pytest.raises(UserError, match="at least 6"):
        GOOD.without_lowest_ratio(11)


def test_dropping_takes_the_runs_of_fewest_tokens_per_parameter() -> None:
    rest = GOOD.without_lowest_ratio(3)
    assert len(rest) == 13
    assert rest.ratio.min() >= np.sort(GOOD.ratio)[2]
