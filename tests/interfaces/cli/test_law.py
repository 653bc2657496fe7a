"""`assay law`: what it prints, for people and for programs, and what it refuses."""

import json
import math
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from tests.evidence.scaling.planted import CHINCHILLA, runs, table, with_chinchilla
from tests.evidence.scaling.test_approaches import profiles

from .helpers import assay
from .test_bad_input import refused


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    table(folder / "runs.csv", runs(noise=0.004, seed=4, sides=6))
    return folder


def test_fit_prints_what_programs_need(tables: Path) -> None:
    found = assay("law", "fit", tables / "runs.csv", "--json", "--predict", "params=1e9,tokens=2e10").json
    assert {"A", "B", "E", "alpha", "beta", "ci", "compute_exponent", "influential", "n"} <= set(found)
    assert set(found["ci"]) == {"A", "B", "E", "alpha", "beta"}
    for name, (low, high) in found["ci"].items():
        assert low <= found[name] <= high
    assert found["compute_exponent"]["lo"] <= found["compute_exponent"]["value"] <= found["compute_exponent"]["hi"]
    assert found["n"] == 36
    (prediction,) = found["predictions"]
    assert prediction["lo"] < prediction["loss"] < prediction["hi"]
    assert prediction["refused"] is None


@with_chinchilla
def test_chinchilla_from_the_command_line() -> None:
    expected = json.loads((CHINCHILLA.parent / "expected.json").read_text())["recomputed"]
    found = assay("law", "fit", CHINCHILLA, "--json", "--drop-lowest-ratio", "5").json
    assert found["n"] == 240
    assert found["alpha"] == pytest.approx(expected["alpha"], abs=0.005)
    assert found["beta"] == pytest.approx(expected["beta"], abs=0.005)
    assert found["A"] == pytest.approx(expected["A"], rel=0.05)
    assert found["B"] == pytest.approx(expected["B"], rel=0.10)


def test_fit_reads_to_a_person_and_draws(tables: Path, tmp_path: Path) -> None:
    picture = tmp_path / "law.svg"
    done = assay("law", "fit", tables / "runs.csv", "--svg", picture, "--method", "projection")
    assert done.code == 0, done.err
    for word in ("compute exponent", "95% interval", "huber", "alpha"):
        assert word in done.out
    marks = ET.parse(picture).getroot().iter("{http://www.w3.org/2000/svg}path")
    assert sum("mark" in mark.get("class", "") for mark in marks) >= 2 * 36


def test_predictions_far_away_are_refused(tables: Path, tmp_path: Path) -> None:
    points = tmp_path / "points.csv"
    points.write_text("params,tokens\n1e9,1e10\n1e14,1e16\n")
    near, far = assay("law", "fit", tables / "runs.csv", "--json", "--predict", points).json["predictions"]
    assert near["refused"] is None
    assert "beyond" in far["refused"]
    assert far["loss"] is None
    text = assay("law", "fit", tables / "runs.csv", "--predict", "params=1e14,tokens=1e16").out
    assert "refused: " in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--predict", "params=7e9"], "params=7e9,tokens=1.4e11"),
        (["--predict", "params=7e9,tokens=-1"], "above zero"),
        (["--predict", "nowhere.csv"], "no such file"),
        (["--group", "family"], "no column 'family'"),
        (["--drop-lowest-ratio", "31"], "at least 6"),
        (["--svg", "nowhere/law.svg"], "no folder"),
    ],
)
def test_fit_refuses_in_one_sentence(tables: Path, words: list[str], said: str) -> None:
    refused(assay("law", "fit", tables / "runs.csv", *words), said)


def test_a_score_in_place_of_a_loss_is_refused(tmp_path: Path) -> None:
    rows = runs(sides=4)
    lines = ["params,tokens,loss"]
    lines += [f"{p},{t},{math.exp(-v)}" for p, t, v in zip(rows.params, rows.tokens, rows.loss, strict=True)]
    (tmp_path / "scores.csv").write_text("\n".join(lines))
    refused(assay("law", "fit", tmp_path / "scores.csv", "--json"), "rises with compute")
    assert np.all(np.isfinite(rows.loss))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two recipes at five computes with three seeds each; the second needs 1.4 times less compute."""
    folder = tmp_path_factory.mktemp("pair")
    rng = np.random.default_rng(0)
    for name, times in (("base", 1.0), ("new", 1.4)):
        rows = ["flops,loss,seed"]
        for c in 1e18 * 4.0 ** np.arange(5):
            rows += [f"{c:g},{(1.7 + 1.4 * (times * c / 1e18) ** -0.16) * (1 + rng.normal(0, 5e-4)):.6f},{s}"
                     for s in range(3)]  # fmt: skip
        (folder / f"{name}.csv").write_text("\n".join(rows) + "\n")
    return folder / "base.csv", folder / "new.csv"


def test_multiplier_for_programs_and_people(pair: tuple[Path, Path], tmp_path: Path) -> None:
    found = assay("law", "multiplier", *pair, "--json").json
    assert found["transfer"] in ("grows", "holds", "fades", "cannot be told")
    assert found["pooled"]["lo"] < 1.4 < found["pooled"]["hi"]
    assert found["pooled"]["headline"] is True
    assert len(found["per_scale"]) == 5
    text = assay("law", "multiplier", *pair, "--svg", tmp_path / "m.svg").out
    assert "Transfer: " in text
    assert "beyond range" in text
    ET.parse(tmp_path / "m.svg")


def test_a_multiplier_from_two_scales_is_preliminary(pair: tuple[Path, Path], tmp_path: Path) -> None:
    short = []
    for path in pair:
        short.append(tmp_path / path.name)
        short[-1].write_text("\n".join(path.read_text().splitlines()[:10]) + "\n")
    assert assay("law", "multiplier", *short, "--json").json["pooled"]["headline"] is False
    assert "Preliminary, not to be quoted alone" in assay("law", "multiplier", *short).out


def test_a_table_against_itself_is_refused(pair: tuple[Path, Path]) -> None:
    refused(assay("law", "multiplier", pair[0], pair[0]), "same curve")


def test_isoflop_frontier_and_proxy_answer_and_draw(tmp_path: Path) -> None:
    rows = profiles(width=1.2, noise=0.001)
    runs_csv = table(tmp_path / "runs.csv", rows)
    found = assay("law", "isoflop", runs_csv, "--json", "--svg", tmp_path / "i.svg").json
    assert len(found["budgets"]) == 4
    assert found["compute_exponent"]["lo"] < 0.41 / 0.69 < found["compute_exponent"]["hi"]
    assert "grows as compute to the power" in assay("law", "isoflop", runs_csv).out
    grid = table(tmp_path / "grid.csv", runs(noise=0.001))
    found = assay("law", "frontier", grid, "--json", "--svg", tmp_path / "f.svg").json
    assert {"E", "a", "b", "ci", "frontier", "n"} <= set(found)
    assert "least loss" in assay("law", "frontier", grid).out
    for name in ("i.svg", "f.svg"):
        ET.parse(tmp_path / name)
    for name, shift in (("small", 0.3), ("large", 0.0)):
        lines = ["recipe,loss", *(f"r{i},{2 + shift + 0.1 * i + 0.13 * (i % 3) * shift:.4f}" for i in range(8))]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))
    found = assay("law", "proxy", tmp_path / "small.csv", tmp_path / "large.csv", "--json").json
    assert 0.5 < found["decision_accuracy"]["value"] <= 1
    assert "decision accuracy" in assay("law", "proxy", tmp_path / "small.csv", tmp_path / "large.csv").out
    refused(assay("law", "proxy", grid, tmp_path / "large.csv"), "--on")


def test_a_frontier_takes_equal_seeds_at_equal_compute(tmp_path: Path) -> None:
    rows = profiles(width=1.2, noise=0.001)
    path = table(tmp_path / "runs.csv", rows, seed=[1] * len(rows))
    refused(assay("law", "frontier", path), "needs at least 5")  # four budgets, not a complaint about seeds
