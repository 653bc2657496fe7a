"""`assay mixture` on tiny tables."""

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.evidence.mixtures.planted import loss, planted, write_table

from .helpers import assay


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table and a model fitted to it."""
    folder = tmp_path_factory.mktemp("mixture")
    planted(folder / "train.csv")
    done = assay(
        "mixture", "fit", "train.csv", "--target", "loss", "--save", "m.json", "--svg", "m.svg", "--json", cwd=folder
    )
    assert done.code == 0, done.err
    facts = done.json
    assert facts["domains"] == ["w_a", "w_b", "w_c"]
    assert facts["n"] == 40
    assert facts["targets"]["loss"]["spearman"] > 0.95
    assert facts["targets"]["loss"]["relevance"]["w_a"] > facts["targets"]["loss"]["relevance"]["w_c"]
    return folder


def test_predictions_come_in_the_order_of_the_rows_whatever_the_order_of_the_columns(work: Path) -> None:
    rows = np.array([[0.2, 0.3, 0.5], [0.6, 0.2, 0.2], [0.1, 0.1, 0.8]])
    forth = write_table(work / "forth.csv", dict(zip(("w_a", "w_b", "w_c"), rows.T, strict=True)))
    back = write_table(work / "back.csv", {"name": "xyz", "w_c": 100 * rows[:, 2], "w_a": 100 * rows[:, 0],
                                           "w_b": 100 * rows[:, 1]})  # fmt: skip
    found = [assay("mixture", "predict", work / "m.json", path, "--json").json for path in (forth, back)]
    means = [[row["mean"] for row in facts["predictions"]] for facts in found]
    assert means[0] == pytest.approx(loss(rows).tolist(), abs=0.05)
    assert means[1] == pytest.approx(means[0], abs=1e-9)
    assert all(row["sd"] > 0 for row in found[0]["predictions"])
    assert found[0]["target"] == "loss"


def test_several_targets_and_two_tables(work: Path) -> None:
    train = [line.split(",") for line in (work / "train.csv").read_text().splitlines()]
    (work / "mixtures.csv").write_text("\n".join(",".join(row[:-1]) for row in train))
    losses = [["index", "val/x", "val/y"]] + [[row[0], row[-1], str(2 * float(row[-1]))] for row in train[:0:-1]]
    (work / "losses.csv").write_text("\n".join(map(",".join, losses)))
    done = assay("mixture", "fit", "mixtures.csv", "--losses", "losses.csv", "--on", "index", "--target", "val/*",
                 "--save", "two.json", "--json", cwd=work)  # fmt: skip
    assert done.code == 0, done.err
    assert list(done.json["targets"]) == ["val/x", "val/y"]
    found = assay("mixture", "predict", work / "two.json", work / "train.csv", "--json").json["targets"]
    for one, other in zip(found["val/x"]["predictions"], found["val/y"]["predictions"], strict=True):
        assert other["mean"] == pytest.approx(2 * one["mean"], rel=1e-3)
    best = assay("mixture", "best", work / "two.json", "--weight", "val/x=3", "--weight", "y=1", "--json").json
    assert best["objective"] == {"val/x": 0.75, "val/y": 0.25}
    apart = {name: prediction["mean"] for name, prediction in best["targets"].items()}
    assert best["mean"] == pytest.approx(0.75 * apart["val/x"] + 0.25 * apart["val/y"], rel=1e-3)


def test_the_best_mixture_is_near_the_planted_one(work: Path) -> None:
    grid = np.array([[a, b, 1 - a - b] for a in np.linspace(0, 1, 101) for b in np.linspace(0, 1 - a, 101)])
    truth = float(loss(grid).min())
    found = assay("mixture", "best", work / "m.json", "--json").json
    mixture = np.array([found["mixture"][name] for name in ("w_a", "w_b", "w_c")])
    assert mixture.sum() == pytest.approx(1)
    assert float(loss(mixture[None])[0]) < truth + 0.01
    assert found["lo"] < truth < found["hi"]
    assert found["supported"]


def test_limits_are_kept(work: Path) -> None:
    found = assay("mixture", "best", work / "m.json", "--max", "a=0.2", "--min", "w_c=0.3", "--json").json["mixture"]
    assert found["w_a"] <= 0.2 + 1e-9
    assert found["w_c"] >= 0.3 - 1e-9
    found = assay("mixture", "best", work / "m.json", "--available", "w_a=1e6", "--train-tokens", "4e7", "--json").json
    assert found["mixture"]["w_a"] <= 0.1 + 1e-9


def test_designs_can_be_read_back(work: Path) -> None:
    (work / "tokens.csv").write_text("domain,tokens\nweb,7e9\ncode,2e9\nbooks,1e9\n")
    for source, more in (("tokens.csv", ()), ("train.csv", ()), ("m.json", ()), ("m.json", ("--aim", "best"))):
        done = assay("mixture", "design", source, "-n", "6", "--out", "d.csv", "--json", *more, cwd=work)
        assert done.code == 0, done.err
        rows = [line.split(",") for line in (work / "d.csv").read_text().splitlines()]
        assert len(rows) == 7
        assert len({tuple(row[1:]) for row in rows}) == 7
        values = [[*row, "loss" if place == 0 else str(place)] for place, row in enumerate(rows)]
        (work / "measured.csv").write_text("\n".join(map(",".join, values)))
        again = assay("mixture", "fit", "measured.csv", "--target", "loss", "--json", cwd=work)
        assert again.code == 0, again.err
        assert again.json["domains"] == done.json["domains"]


def test_the_picture_is_drawn(work: Path) -> None:
    root = ElementTree.parse(work / "m.svg").getroot()
    assert root.tag.endswith("svg")
    words = " ".join(text for text in root.itertext())
    assert "w_a" in words
    assert "relevance" in words


def test_people_can_read_it(work: Path) -> None:
    for words in (("fit", "train.csv", "--target", "loss", "--regressor", "linear"), ("predict", "m.json", "train.csv"),
                  ("best", "m.json"), ("design", "m.json", "-n", "2")):  # fmt: skip
        done = assay("mixture", *words, cwd=work)
        assert done.code == 0, done.err
        assert len(done.out.splitlines()) >= 3
        assert all(len(line) < 200 for line in done.out.splitlines())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("fit", "train.csv", "--target", "nothing"), "no column 'nothing'"),
        (("fit", "none.csv", "--target", "loss"), "no such file"),
        (("fit", "train.csv", "--target", "loss", "--regressor", "magic"), "there is no regressor 'magic'"),
        (("fit", "train.csv", "--target", "loss", "--scale", "one"), "--scale is for labs"),
        (("predict", "none.json", "train.csv"), "no such file"),
        (("predict", "train.csv", "train.csv"), "is not a model"),
        (("predict", "newer.json", "train.csv"), "version 99"),
        (("predict", "damaged.json", "train.csv"), "damaged"),
        (("predict", "m.json", "other.csv"), "no column 'w_c'"),
        (("predict", "m.json", "short.csv"), "line 3: the weights of the 3 domains add up to 0.9; 1 was expected"),
        (("best", "m.json", "--max", "w_a=0.1", "--max", "w_b=0.1", "--max", "w_c=0.1"), "no mixture meets the limits"),
        (("best", "m.json", "--max", "w_z=0.1"), "there is no 'w_z'"),
        (("best", "m.json", "--max", "w_a"), "NAME=NUMBER"),
        (("best", "m.json", "--available", "w_a=5"), "--train-tokens"),
        (("best", "m.json", "--weight", "loss=-1"), "zero or more"),
        (("design", "m.json", "-n", "0"), "between 1 and 1,000"),
        (("design", "short.csv", "-n", "2"), "adds up to 1 in every row; nearest come 'w_a', 'w_b', 'w_c'"),
    ],
)  # fmt: skip
def test_mistakes_get_one_sentence_and_exit_code_2(words: tuple[str, ...], expected: str, work: Path) -> None:
    facts = json.loads((work / "m.json").read_text())
    (work / "newer.json").write_text(json.dumps(facts | {"version": 99}))
    (work / "damaged.json").write_text(json.dumps(facts | {"weights": facts["weights"][1:]}))
    write_table(work / "other.csv", {"w_a": [0.5], "w_b": [0.5]})
    write_table(work / "short.csv", {"w_a": [0.5, 0.2], "w_b": [0.5, 0.2], "w_c": [0, 0.5]})
    done = assay("mixture", *words, cwd=work)
    assert done.code == 2
    assert expected in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_regressor_that_is_not_installed_says_how_to_get_it(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    done = assay("mixture", "fit", "train.csv", "--target", "loss", "--regressor", "lightgbm", cwd=work)
    assert done.code == 2
    assert "pip install 'assay[lightgbm]'" in done.err
