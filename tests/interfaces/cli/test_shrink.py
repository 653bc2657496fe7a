"""`assay evidence shrink`."""

import json
from pathlib import Path

import pytest

from .helpers import assay

TABLE = "name,effect,se\na,2.1,0.5\nb,0.1,0.5\nc,-0.3,0.6\nd,1.2,0.5\ne,0.2,0.4\n"


def test_words_and_facts(tmp_path: Path) -> None:
    table = tmp_path / "effects.csv"
    table.write_text(TABLE)
    done = assay("evidence", "shrink", table)
    assert done.code == 0, done.err
    assert "5 tests" in done.out
    assert "weak default" in done.out
    facts = json.loads(assay("evidence", "shrink", table, "--json").out)
    assert [row["name"] for row in facts["tests"]] == list("abcde")
    for row in facts["tests"]:
        assert row["low"] < row["mean"] < row["high"]
    assert 0.5 < facts["tests"][0]["mean"] < 2.1
    assert facts["prior"]["weak"] is True


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("effect\n1\n2\n", "there is no column 'se'"),
        ("effect,se\n1,0.5\n", "at least 2"),
        ("effect,se\n1,0.5\n2,0\n", "line 3"),
        ("effect,se\n1,0.5\nnan,0.1\n", "line 3"),
        ("effect,se\n1,0.5\n2,-1\n", "line 3"),
        ("effect,se,df\n1,0.5,2\n2,1,0\n", "in column 'df'"),
    ],
)
def test_bad_tables_get_one_sentence(tmp_path: Path, text: str, expected: str) -> None:
    table = tmp_path / "effects.csv"
    table.write_text(text)
    done = assay("evidence", "shrink", table)
    assert done.code == 2
    assert expected in done.err
    assert done.err.count("\n") == 1
