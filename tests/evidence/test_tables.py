"""Tables as people keep them: what is read, and that everything else gets one sentence."""

import csv
import gzip
import io
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.evidence.tables import read_table
from assay.spec.errors import UserError


def written(folder: Path, content: str | bytes, name: str = "runs.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        "seed,value\n0,3.25\n1,3.5\n",
        "seed,value\r\n0,3.25\r\n1,3.5\r\n",
        "seed,value\r0,3.25\r1,3.5\r",
        "\ufeffseed,value\n0,3.25\n1,3.5",
        "seed\tvalue\n0\t3.25\n1\t3.5\n",
        "\n\n seed , value \n0, 3.25 \n\n1,3.5\n,\n",
        '"seed","value"\n"0","3.25"\n"1","3.50"\n',
        gzip.compress(b"seed,value\n0,3.25\n1,3.5\n", mtime=0),
        "seed\tnote\tvalue\n0\t\"tiny\" change\t3.25\n1\t\"never closed\t3.5\n",
        'seed,note,value\n0,"two\nlines, one entry",3.25\n1,"a ""quoted"" word",3.5\n',
        "\tseed\tvalue\n0\t0\t3.25\n1\t1\t3.5\n",
    ],
)  # fmt: skip
def test_the_same_table_however_it_is_written(tmp_path: Path, content: str | bytes) -> None:
    table = read_table(written(tmp_path, content), ("seed", "value"), least=2)
    assert table.numbers("value").tolist() == [3.25, 3.5]
    assert table.numbers("seed").tolist() == [0, 1]


def test_quotes_are_kept_where_tabs_separate_and_nobody_closes_them(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, 'name\tvalue\n"a" b\t1\n"c\t2\n'))
    assert table.text("name") == ('"a" b', '"c')


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "empty"),
        (" \n\n", "empty"),
        (",,\n,,\n", "empty"),
        ("seed,value\n", "no rows; at least 2 are needed"),
        ("seed,value\n0,1\n", "one row; at least 2 are needed"),
        ("seed,Value\n0,1\n1,2\n", "there is no column 'value' (did you mean 'Value'?)"),
        ("seed,loss\n0,1\n1,2\n", "the columns are: seed, loss. Needed: seed, value"),
        ("0,3.2\n1,3.3\n", "the first line should name the columns"),
        ("seed;value\n0;3,2\n", "separated by semicolons"),
        ("seed,value\n0,1\n1\n", "line 3: one entry, but the header names 2 columns"),
        ("seed,value\n0,1,5\n", "line 2: 3 entries"),
        ("seed,value,value\n0,1,2\n", "two columns are called 'value'"),
        ("seed,,value,\n0,1,2,3\n", "two columns have no name"),
        ('seed,value\n0,"1\n', "not a table"),
        (b"\xff\xfes\x00e\x00", "not UTF-8 text"),
        (gzip.compress(b"seed,value\n0,1\n" * 99, mtime=0)[:-20], "not a complete gzip file"),
        (b"\x1f\x8bnothing", "not a complete gzip file"),
    ],
)
def test_what_is_no_table_gets_one_sentence(tmp_path: Path, content: str | bytes, expected: str) -> None:
    with pytest.raises(UserError) as caught:
        read_table(written(tmp_path, content), ("seed", "value"), least=2)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("", "the entry is empty"),
        ("nan", "nan in column 'value'"),
        ("-inf", "-inf in column 'value'"),
        ("1e999", "1e999 in column 'value'"),
        ("n/a", "'n/a' is no number"),
        ("1_000", "'1_000' is no number"),
        ('"3,25"', "'3,25' is no number, in column 'value'; write a point for its comma"),
        ('"three\nlines\n"', "'three lines' is no number"),
        ("x" * 500, "xx…' is no number"),
    ],
)
def test_what_is_no_number_is_named_with_its_line(tmp_path: Path, entry: str, expected: str) -> None:
    table = read_table(written(tmp_path, f"seed,value\n0,1\n1,{entry}\n"))
    with pytest.raises(UserError) as caught:
        table.numbers("value")
    assert expected in str(caught.value)
    assert "line " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(UserError, match="is a folder"):
        read_table(tmp_path)
    with pytest.raises(UserError, match="not a complete gzip file"):
        read_table(written(tmp_path, "seed,value\n", "runs.csv.gz"))


def test_rows_are_chosen_by_text_or_number(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "group,steps,value\na,1e3,1\nb ,1000,2\na,500,3\n"))
    assert table.where("group", "a").numbers("value").tolist() == [1, 3]
    assert table.where("group", "b").rows == (3,)
    assert table.where("steps", "1000").numbers("value").tolist() == [1, 2]
    with pytest.raises(UserError, match="where group is 'c': no rows; at least 1 are needed"):
        table.where("group", "c")
    with pytest.raises(UserError, match="where group is 'b': one row; at least 2 are needed"):
        table.where("group", "b", least=2)


def read_soup(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), raw)
        said = ""
        try:
            numbers = read_table(path, ("value",)).numbers("value")
        except UserError as error:
            said = str(error)
        if not said:
            assert len(numbers) >= 1
            assert np.isfinite(numbers).all()
    assert "\n" not in said


@given(st.binary(max_size=300))
def test_any_bytes_are_a_table_or_one_sentence(raw: bytes) -> None:
    read_soup(raw)


@given(st.text("value,;\t\"'\r\n\x00 .e-_0123naif\u2028\x0b", max_size=120), st.sampled_from([",", "\t"]))
@settings(max_examples=300)
def test_anything_below_a_header_is_a_table_or_one_sentence(text: str, separator: str) -> None:
    read_soup(f"seed{separator}value\n{text}".encode())


@given(st.lists(st.tuples(st.text(max_size=8), st.floats(allow_nan=False, allow_infinity=False)), min_size=1))
def test_what_python_writes_is_read_back(rows: list[tuple[str, float]]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([("name", "value"), *rows])
    with tempfile.TemporaryDirectory() as folder:
        table = read_table(written(Path(folder), out.getvalue().encode("utf-8", "surrogatepass")))
    assert table.numbers("value").tolist() == [value for _, value in rows]
    assert table.text("name") == tuple(name for name, _ in rows)
