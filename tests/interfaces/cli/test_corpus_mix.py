"""`assay corpus mix`: what it shows is what a run draws, and what it prints as TOML is a recipe that does."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.corpus.manifest import open_corpus
from assay.spec.recipe import Recipe

from .helpers import assay

Configure = Callable[..., Path]


def facts(lab: Path, *options: str | Path) -> dict[str, Any]:
    done = assay("corpus", "mix", lab, *options, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_every_scale_adds_up_and_epochs_are_of_what_there_is(fresh: Path) -> None:
    found = facts(fresh, "--rule", "temperature", "--temperature", "2")
    corpus = open_corpus(fresh / "corpora" / found["corpus"])
    assert [scale["name"] for scale in found["scales"]] == ["one", "two", "three"]
    for scale in found["scales"]:
        assert sum(row["weight"] for row in scale["domains"].values()) == pytest.approx(1)
        for name, row in scale["domains"].items():
            assert row["tokens"] == pytest.approx(row["weight"] * scale["tokens"])
            assert row["epochs"] == pytest.approx(row["tokens"] / corpus.domains[name].train.tokens)


def test_the_lines_printed_are_a_recipe_with_that_mixture(fresh: Path, tmp_path: Path) -> None:
    options = ("--rule", "unimax", "--epoch-limit", "3", "--limit", "verse=0.01")
    path = tmp_path / "mixed.toml"
    path.write_text(assay("corpus", "mix", fresh, "--recipe", "nanogpt", *options, "--toml").out)
    recipe = Recipe.from_toml(path)
    assert recipe.data.mixture_rule == "unimax"
    shown, given = facts(fresh, "--recipe", path), facts(fresh, "--recipe", "nanogpt", *options)
    assert shown == given
    assert shown["scales"][2]["domains"]["verse"]["epochs"] == pytest.approx(0.01)


def test_what_a_regression_found_best(fresh: Path, tmp_path: Path) -> None:
    """A table in which verse alone helps: the mixture is nearly all verse."""
    rows = "\n".join(f"{1 - k / 10},{k / 10},{2 - k / 20 + 0.001 * (k % 3)}" for k in range(11))
    (tmp_path / "runs.csv").write_text(f"weight/prose,weight/verse,loss\n{rows}\n")
    fitted = ("mixture", "fit", tmp_path / "runs.csv", "--target", "loss", "--save", tmp_path / "model.json")
    assert assay(*fitted).code == 0
    (tmp_path / "best.json").write_text(assay("mixture", "best", tmp_path / "model.json", "--json").out)
    for name in ("model.json", "best.json"):
        first = facts(fresh, "--fitted", tmp_path / name)["scales"][0]["domains"]
        assert first["verse"]["weight"] > 0.9


def test_domains_that_are_not_there(fresh: Path, tmp_path: Path, configure: Configure) -> None:
    (tmp_path / "best.json").write_text('{\n  "mixture": {\n    "prose": 0.5,\n    "poems": 0.5\n  }\n}\n')
    (tmp_path / "recipe.toml").write_text("[data]\nbatch = 4\nmixture = { prose = 1, poems = 2 }\n")
    for options, where in (
        (("--weight", "poems=1"), "--weight names 'poems'"),
        (("--fitted", tmp_path / "best.json"), "best.json, line 4: the mixture names 'poems'"),
        (("--recipe", tmp_path / "recipe.toml"), "recipe.toml, line 3: data.mixture names 'poems'"),
    ):
        done = assay("corpus", "mix", fresh, *options)
        assert done.code == 2
        assert f"{where}, but the corpus has only: prose, verse" in done.err
        assert done.err.count("\n") == 1
    lab = configure(start__data__epoch_limits={"poems": 2.0})
    assert "start.data.epoch_limits names 'poems'" in assay("plan", lab, "--budget", "9runs").err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--rule", "size", "--weight", "prose=1"), "--rule and --weight both say"),
        (("--rule", "doremi"), "no mixture_rule is called 'doremi'; known are: size, temperature, unimax"),
        (("--weight", "prose"), "--weight prose: expected DOMAIN=NUMBER"),
        (("--weight", "prose=-1"), "the weight of 'prose' is negative"),
        (("--temperature", "0"), "greater than 0"),
    ],
)
def test_bad_options(fresh: Path, options: tuple[str, ...], said: str) -> None:
    done = assay("corpus", "mix", fresh, *options)
    assert done.code == 2
    assert said in done.err
