"""`assay evidence compare` as people call it."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from .helpers import assay
from .test_bad_input import refused

A = "seed,value\n0,3.281\n1,3.279\n2,3.283\n3,3.280\n4,3.282\n5,3.2815\n"
B = "seed,value\n0,3.271\n1,3.268\n2,3.274\n3,3.270\n4,3.271\n5,3.2725\n"
KEYS = ["verdict", "effect", "lo", "hi", "p_value", "e_value", "n_used", "method"]


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "a.csv").write_text(A)
    (tmp_path / "b.tsv").write_text(B.replace(",", "\t"))
    return tmp_path / "a.csv", tmp_path / "b.tsv"


@pytest.mark.parametrize("design", ["fixed", "sequential"])
@pytest.mark.parametrize("paired", [(), ("--paired",)])
def test_facts_and_words_agree(tables: tuple[Path, Path], design: str, paired: tuple[str, ...]) -> None:
    facts = assay("evidence", "compare", *tables, "--design", design, *paired, "--json").json
    assert list(facts)[: len(KEYS)] == KEYS
    assert facts["verdict"] == "supported"
    assert facts["effect"] == pytest.approx(-0.01, abs=0.001)
    said = assay("evidence", "compare", *tables, "--design", design, *paired)
    assert said.code == 0
    assert said.out.startswith("Supported: b is better than a.")
    assert facts["method"] in said.out


def test_margins_are_in_the_unit_of_the_values(tables: tuple[Path, Path]) -> None:
    a, b = tables
    words = ("evidence", "compare", b, a, "--json", "--test")
    assert assay(*words, "superiority").json["verdict"] == "refuted"
    assert assay(*words, "noninferiority", "--margin", "0.02").json["verdict"] == "supported"
    assert assay(*words, "noninferiority", "--margin", "0.001").json["verdict"] == "refuted"
    assert assay(*words, "equivalence", "--margin", "0.01").json["verdict"] == "inconclusive"


def test_both_arms_may_stand_in_one_table(tables: tuple[Path, Path], tmp_path: Path) -> None:
    rows = [(name, *line.split(",")) for name, text in (("old", A), ("new", B)) for line in text.splitlines()[1:]]
    both = tmp_path / "all.csv"
    both.write_text("arm,n,loss\n" + "".join(",".join(row) + "\n" for row in rows))
    words = ("--value", "loss", "--where-a", "arm=old", "--where-b", "arm=new", "--json")
    facts = assay("evidence", "compare", both, both, *words).json
    expected = assay("evidence", "compare", *tables, "--json").json
    assert facts["p_value"] == expected["p_value"]


@pytest.mark.parametrize(
    "words",
    [(), ("--design", "sequential"), ("--test", "equivalence", "--margin", "0.02", "--design", "sequential")],
)
def test_the_picture_shows_every_run(tables: tuple[Path, Path], tmp_path: Path, words: tuple[str, ...]) -> None:
    picture = tmp_path / "a.svg"
    assert assay("evidence", "compare", *tables, *words, "--svg", picture).code == 0
    titles = [element.text or "" for element in ElementTree.parse(picture).iter("{http://www.w3.org/2000/svg}title")]
    assert sum(title.startswith(("a.csv: ", "b.tsv: ")) for title in titles) == 12


def test_bad_tables_are_one_sentence(tables: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = tables
    refused(assay("evidence", "compare", a, a), "hold the same values")
    refused(assay("evidence", "compare", a, tmp_path / "none.csv"), "none.csv: no such file")
    refused(assay("evidence", "compare", a, b, "--test", "equivalence"), "equivalence needs a margin above zero")
    refused(assay("evidence", "compare", a, b, "--test", "better"), "--test")
    refused(assay("evidence", "compare", a, b, "--svg", tmp_path), "is a folder")


def test_a_copied_run_is_told_from_a_tie(tables: tuple[Path, Path], tmp_path: Path) -> None:
    copied, tied = tmp_path / "copied.csv", tmp_path / "tied.csv"
    copied.write_text("value\n3.2841932\n3.2793021\n3.2793021\n3.2819922\n")
    assert "lines 3 and 4" in refused(assay("evidence", "compare", copied, tables[1]))
    tied.write_text("value\n3.284\n3.279\n3.279\n3.282\n")
    assert assay("evidence", "compare", tied, tables[1]).code == 0
    other = tmp_path / "other.csv"
    other.write_text("value\n3.279\n3.282\n3.284\n3.279\n")
    assert assay("evidence", "compare", tied, other).code == 0


def test_values_without_spread_are_refused_by_file(tables: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "flat.csv").write_text("value\n3.2\n3.2\n3.2\n")
    assert "flat.csv: all 3 entries" in refused(assay("evidence", "compare", tmp_path / "flat.csv", tables[0]))
