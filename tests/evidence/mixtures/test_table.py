"""Which columns are weights, and what is wrong with a table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.evidence.mixtures.table import find_domains, join, shares_of, training_table
from assay.evidence.tables import Table, read_table
from assay.spec.errors import UserError

from .planted import mixtures, planted, write_table


def table_of(columns: dict[str, Any]) -> Table:
    texts = {name: tuple(str(entry) for entry in column) for name, column in columns.items()}
    rows = len(next(iter(texts.values())))
    return Table(Path("t.csv"), texts, tuple(range(2, rows + 2)))


def weights_named(names: str | list[str], rows: int = 12, seed: int = 0, decimals: int = 6) -> dict[str, Any]:
    found = mixtures(rows, len(names), seed).round(decimals)
    return dict(zip(names, found.T.tolist(), strict=True))


RNG = np.random.default_rng(3)
OTHERS: dict[str, Any] = {
    "index": list(range(12)),
    "accuracy": RNG.uniform(0, 1, 12).tolist(),
    "epochs": [1] * 12,
    "warmup": [0.25] * 12,
    "failures": [0] * 12,
    "lr": (0.001 * RNG.uniform(1, 2, 12)).tolist(),
    "name": [f"run{i}" for i in range(12)],
    "note": [""] * 12,
    "tokens": [1e9] * 12,
    "diverged_loss": ["nan", *RNG.uniform(0, 1, 11).tolist()],
}


@settings(max_examples=200, deadline=None)
@given(
    st.permutations([*OTHERS]), st.integers(0, 10), st.integers(0, 10), st.sampled_from([1.0, 100.0]),
    st.sampled_from([3, 6, 15]),
)  # fmt: skip
def test_weights_are_found_among_other_columns(
    order: list[str], before: int, after: int, total: float, decimals: int
) -> None:
    found = {name: np.round(np.multiply(column, total), decimals).tolist()
             for name, column in weights_named(["web", "code", "books", "maths"]).items()}  # fmt: skip
    columns = {name: OTHERS[name] for name in order[:before]} | found
    columns |= {name: OTHERS[name] for name in order[before : before + after]}
    assert find_domains(table_of(columns), list(columns)) == ["web", "code", "books", "maths"]


def test_weights_are_found_although_another_column_stands_between_them() -> None:
    columns = weights_named(["web", "code"], 12) | {}
    mixed = {"web": columns["web"], "accuracy": OTHERS["accuracy"], "code": columns["code"]}
    assert find_domains(table_of(mixed), list(mixed)) == ["web", "code"]


def test_columns_of_zeros_are_domains_where_they_stand_among_domains_or_are_named_like_them() -> None:
    columns = weights_named(["w_web", "w_code"], 12)
    zeros = [0.0] * 12
    table = table_of({"w_first": zeros, **columns, "failures": zeros})
    assert find_domains(table, list(table.columns)) == ["w_first", "w_web", "w_code"]


def test_a_constant_weight_is_one_where_the_rest_needs_it() -> None:
    half = {name: [0.5 * value for value in column] for name, column in weights_named(["web", "code"]).items()}
    table = table_of({"books": [0.5] * 12, **half, "epochs": [1] * 12})
    assert find_domains(table, list(table.columns)) == ["books", "web", "code"]


def test_two_decimals_are_enough() -> None:
    columns = weights_named([f"d{i}" for i in range(17)], decimals=2)
    assert find_domains(table_of(columns | {"loss": OTHERS["lr"]}), [*columns, "loss"]) == list(columns)


def test_rows_become_shares_that_add_up_to_exactly_one() -> None:
    columns = {name: [round(100 * value, 1) for value in column] for name, column in weights_named("abc").items()}
    assert shares_of(table_of(columns), ["c", "a", "b"]).sum(axis=1) == pytest.approx(1, abs=1e-15)


def test_copies_are_refused_and_replicates_kept(tmp_path: Path) -> None:
    weights = weights_named("abc", 8)
    rows = [*range(8), 0, 1]
    columns = {name: [column[i] for i in rows] for name, column in weights.items()}
    copied = columns | {"loss": [3, 4, 5, 6, 7, 8, 9, 10, 3, 4.5]}
    with pytest.raises(UserError, match="lines 2 and 10 are the same run"):
        training_table(read_table(write_table(tmp_path / "t.csv", copied)), ["loss"])
    table = read_table(write_table(tmp_path / "t.csv", copied | {"seed": [0] * 8 + [1, 1]}))
    found = training_table(table, ["loss"], "?")
    assert len(found.weights) == 10
    assert any("2 rows repeat a mixture" in note for note in found.notes)


def test_a_target_in_mixed_units_is_refused(tmp_path: Path) -> None:
    loss = [3.1, 3.2, 3.3, 3.4, 3500, 3600, 3700, 3800]
    table = read_table(write_table(tmp_path / "t.csv", weights_named("abc", 8) | {"loss": loss}))
    with pytest.raises(UserError, match="mixed units"):
        training_table(table, ["loss"])


def test_two_tables_are_joined_by_their_key_whatever_their_order(tmp_path: Path) -> None:
    weights = weights_named("abc", 6)
    left = read_table(write_table(tmp_path / "l.csv", {"run": range(1, 7)} | weights))
    right = read_table(
        write_table(tmp_path / "r.csv", {"run": ["3.0", 1, 2, 6, 5, 9], "loss": [30, 10, 20, 60, 50, 90]})
    )
    notes: list[str] = []
    found = join(left, right, "run", notes)
    assert found.numbers("loss").tolist() == [10, 20, 30, 50, 60]
    assert notes == [f"left out, without a partner by 'run': 1 rows of {left.path}, 1 of {right.path}"]


def test_targets_by_pattern(tmp_path: Path) -> None:
    columns = weights_named("abc", 6) | {"loss/x": [1, 2, 3, 4, 5, 7], "loss/y": [2, 3, 4, 5, 6, 8]}
    found = training_table(read_table(write_table(tmp_path / "t.csv", columns)), ["loss/*"])
    assert list(found.targets) == ["loss/x", "loss/y"]
    assert found.domains == ("a", "b", "c")


Change = Callable[[dict[str, Any]], object]


def _set(name: str, row: int, value: object) -> Change:
    return lambda columns: columns[name].__setitem__(row, value)


def _keep(rows: int) -> Change:
    return lambda columns: [columns.update({name: column[:rows]}) for name, column in list(columns.items())]


def _same_mixture(columns: dict[str, Any]) -> None:
    for name in "abc":
        columns[name][:] = [columns[name][0]] * 12


BAD: dict[str, tuple[Change, str]] = {
    "no target": (lambda c: c.pop("loss"), "no column 'loss'"),
    "a NaN target": (_set("loss", 4, "nan"), "line 6: nan in column 'loss'"),
    "an empty target": (_set("loss", 4, ""), "line 6: the entry is empty, in column 'loss'"),
    "a NaN weight": (_set("b", 2, "nan"), "line 4: nan in column 'b'"),
    "a word for a weight": (_set("b", 2, "much"), "line 4: 'much' is no number, in column 'b'"),
    "one row": (_keep(1), "one row"),
    "three rows": (_keep(3), "at least 4"),
    "constant target": (lambda c: c.update(loss=[2.5] * 12), "'loss' is 2.5 in every row"),
    "one mixture": (_same_mixture, "every row has the same mixture"),
    "a missing domain": (lambda c: c.pop("b"), "no set of columns adds up to 1"),
    "a row that does not add up": (_set("a", 5, 0.9), "line 7"),
    "negative weight": (
        lambda c: (c["a"].__setitem__(3, -0.1), c["b"].__setitem__(3, 0.6), c["c"].__setitem__(3, 0.5)),
        "line 5: the weight of 'a' is -0.1",
    ),
    "no numbers": (lambda c: [c.update({name: ["x"] * 12}) for name in "abc"], "no two numeric columns"),
}


@pytest.mark.parametrize("problem", list(BAD))
def test_bad_tables_are_explained_in_one_sentence(problem: str, tmp_path: Path) -> None:
    change, expected = BAD[problem]
    columns: dict[str, Any] = weights_named("abc", seed=4) | {"loss": [3 + 0.1 * i for i in range(12)]}
    change(columns)
    with pytest.raises(UserError) as error:
        training_table(read_table(write_table(tmp_path / "t.csv", columns)), ["loss"])
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_named_weights_must_add_up(tmp_path: Path) -> None:
    table = read_table(planted(tmp_path / "t.csv"))
    assert training_table(table, ["loss"], weights="w_*").domains == ("w_a", "w_b", "w_c")
    with pytest.raises(UserError, match="add up to"):
        training_table(table, ["loss"], weights="w_[ab]")
    with pytest.raises(UserError, match="'x_\\*' matches no column"):
        training_table(table, ["loss"], weights="x_*")
