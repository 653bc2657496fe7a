"""A lab's runs as a table of mixtures."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from assay.campaign.lab import Lab
from assay.campaign.mixture_runs import mixture_runs
from assay.evidence.mixtures.table import training_table
from assay.spec.errors import UserError
from assay.spec.recipe import Data, Recipe
from assay.spec.scale import Scale

PLAIN = Recipe()
LADDER = [Scale(name=name, width=32, depth=1, flops=1e9) for name in ("small", "big")]


def mixed(web: float, recipe: Recipe = PLAIN) -> Recipe:
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"mixture": {"web": web, "code": 1 - web}})})


def lab_of(rows: list[tuple[Recipe, str, str, float | None]]) -> Lab:
    found = [
        {"recipe": recipe.hash, "scale": scale, "status": status, "score": score,
         "domains": {} if score is None else {"web": score + 0.1, "code": score - 0.1}}
        for recipe, scale, status, score in rows
    ]  # fmt: skip
    recipes = {recipe.hash: recipe for recipe, *_ in rows}
    return cast("Lab", SimpleNamespace(
        folder="lab", config=SimpleNamespace(ladder=LADDER, start=PLAIN),
        corpus=lambda: SimpleNamespace(vocab=257, train_tokens=lambda: {"web": 3000, "code": 1000}),
        store=SimpleNamespace(recipes=lambda: recipes, run_rows=lambda: found),
    ))  # fmt: skip


def test_finished_runs_at_one_scale_that_differ_in_the_mixture_alone() -> None:
    other = Recipe(data=Data(batch=99))
    rows: list[Any] = [
        (PLAIN, "small", "finished", 1.0), (mixed(0.5), "small", "finished", 1.1),
        (mixed(0.25), "small", "finished", 1.2), (mixed(0.9), "small", "finished", 1.3),
        (mixed(0.9), "small", "finished", 1.31), (mixed(0.1), "big", "finished", 0.5),
        (mixed(0.2), "small", "diverged", None), (mixed(0.5, other), "small", "finished", 0.9),
    ]  # fmt: skip
    table, notes = mixture_runs(lab_of(rows))
    found = training_table(table, ["score", "web"], weights="weight/*")
    assert found.domains == ("weight/web", "weight/code")
    assert found.weights[:, 0].tolist() == pytest.approx([0.75, 0.5, 0.25, 0.9, 0.9])
    assert found.targets["score"].tolist() == [1.0, 1.1, 1.2, 1.3, 1.31]
    assert found.targets["web"].tolist() == pytest.approx([1.1, 1.2, 1.3, 1.4, 1.41])
    assert notes == ["1 runs at 'small' left out: their recipes differ in more than the mixture"]


def test_a_rule_counts_as_the_weights_that_it_gives() -> None:
    even = Recipe(data=Data(mixture_rule="unimax", epoch_limit=1e3))
    rows: list[Any] = [(recipe, "small", "finished", 1.0) for recipe in (PLAIN, even, mixed(0.25))]
    table, notes = mixture_runs(lab_of(rows))
    assert [float(each) for each in table.columns["weight/web"]] == pytest.approx([0.75, 0.5, 0.25])
    assert notes == []


def test_a_lab_without_mixtures_says_so() -> None:
    rows: list[Any] = [(PLAIN, "small", "finished", 1.0), (PLAIN, "small", "finished", 1.1)]
    with pytest.raises(UserError, match="no recipe was trained on two different mixtures at 'small'"):
        mixture_runs(lab_of(rows))
    with pytest.raises(UserError, match="no scale is called 'huge'"):
        mixture_runs(lab_of(rows), "huge")
