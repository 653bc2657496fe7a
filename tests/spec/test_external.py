"""`trainer.toml`: what may stand in it, what is refused, and which changes reach the program."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.spec.errors import UserError
from assay.spec.expressions import fill, fill_typed, names_in, value_of
from assay.spec.external import (
    External,
    ExternalTrainer,
    check_search,
    check_told,
    read_external,
    searchable,
)
from assay.spec.lab import DEFAULT_SEARCH, LabConfig
from assay.spec.recipe import Recipe, changed
from assay.spec.scale import Scale, shape_at
from assay.spec.search import Range

LEAST: dict[str, Any] = {
    "name": "least",
    "command": ["train", "--seed={seed}"],
    "metrics": {"format": "jsonl"},
}


def trainer(**changes: Any) -> ExternalTrainer:
    return ExternalTrainer.parse(LEAST | changes, "trainer.toml")


@given(st.integers(-50, 50), st.integers(1, 50), st.floats(-3, 3))
def test_arithmetic_is_pythons(a: int, b: int, c: float) -> None:
    values = {"a.x": a, "b": b, "c": c}
    assert value_of("a.x + 2 * b - c / b", values) == a + 2 * b - c / b
    assert value_of("round(a.x % b + floor(c) ** 2)", values) == round(a % b + math.floor(c) ** 2)
    assert value_of("min(a.x, -b, ceil(c)) // 2", values) == min(a, -b, math.ceil(c)) // 2


def test_braces_are_filled_and_typed() -> None:
    values = {"n": 3, "on": True, "rate": 1e-05, "none": None, "weights": {"a": 0.5}, "name": "adamw"}
    text = "--n={n - 1} --on={on} {{x}} {rate} {none} {weights} {name}"
    assert fill(text, values) == '--n=2 --on=true {x} 1e-05 null {"a": 0.5} adamw'
    assert fill_typed({"a": "{on}", "b": ["{n}", "v{n}", 7], "c": "{weights}"}, values) == {
        "a": True, "b": [3, "v3", 7], "c": {"a": 0.5},
    }  # fmt: skip
    assert names_in("{a.b + c} {{d}}") == {"a.b", "c"}


@pytest.mark.parametrize("text", ["{__import__('os')}", "{a[0]}", "{a b}", "{'x'}", "{round()}", "{exec(a)}", "{}"])
def test_nothing_but_names_and_arithmetic(text: str) -> None:
    with pytest.raises(ValueError, match=r"neither a name|not a name"):
        names_in(text)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"comand": []}, "unknown key 'comand'"),
        ({"command": ["x", "{seed}", "{optimizer.lr}"]}, "'{optimizer.lr}' is no key of a recipe and no fact of a run; "
         "did you mean 'optimiser.lr'?"),
        ({"command": ["x"]}, "nothing hands the seeds on"),
        ({"command": ["x", "{seed.init}"]}, "nothing hands the seeds on"),
        ({"values": {"optimiser.lrr": {"a": 1}}}, "did you mean 'optimiser.lr'?"),
        ({"metrics": {"format": "xml"}}, "key 'metrics.format' should be 'jsonl', 'csv' or 'regex', but is 'xml'"),
        ({"metrics": {"format": "regex"}}, "'pattern' goes with format 'regex'"),
        ({"metrics": {"format": "regex", "pattern": "("}}, "pattern: not a regular expression"),
        ({"metrics": {"format": "regex", "pattern": r"(?P<step>\d+)"}}, "it has no group (?P<loss>…)"),
        ({"metrics": {"format": "jsonl", "names": {"step": "n"}}}, "names: 'loss' is missing"),
        ({"metrics": {"format": "jsonl", "names": {"step": "n", "loss": "l", "los": "x"}}}, "'los' is none of step"),
        ({"metrics": {"format": "jsonl", "file": "{run_dir}/metrics.jsonl"}}, "is written by assay"),
        ({"config": {"path": "c", "format": "json"}}, "a config of format 'json' takes 'values'"),
        ({"config": {"path": "c", "format": "text", "text": "a", "values": {"a": 1}}}, "'text', and not 'values'"),
        ({"extra": [{"when": {"model.bia": True}, "words": ["x"]}]}, "did you mean 'model.bias'?"),
        ({"flops_per_token": "6 * steps"}, "'{steps}' is no key of a recipe and no fact"),
        ({"flops_per_token": "6 * "}, "is not a name or arithmetic"),
        ({"silence_seconds": 0}, "key 'silence_seconds' should be greater than 0"),
        ({"evaluation": {"command": []}}, "key 'evaluation.command' should have at least one entry"),
    ],
)  # fmt: skip
def test_what_is_refused(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(UserError) as caught:
        trainer(**changes)
    assert str(caught.value).startswith("trainer.toml: ")
    assert expected in str(caught.value)


def test_a_change_that_would_do_nothing_is_refused() -> None:
    mine = trainer(command=["x", "{seed}", "--lr={optimiser.lr}", "--width={width}"])
    check_search(mine, {"optimiser.lr": Range(low=1e-4, high=1e-2), "model.width_ratio": (0.5, 1.0)}, "[search]")
    with pytest.raises(UserError, match=r"is not told 'model.mlp', 'data.batch', so that a change of them would do"):
        check_search(mine, {"model.mlp": ("gelu", "relu2"), "data.batch": (2, 4)}, "[search]")
    check_told(mine, ["optimiser.lr", "stream"], "recipe")
    with pytest.raises(UserError, match=r"is not told 'model.mlp', so that this recipe would train as the lab's start"):
        check_told(mine, ["model.mlp"], "recipe")


@pytest.mark.parametrize(
    ("changes", "values", "problem"),
    [
        ({"values": {"schedule.name": {"cosine": "c", "linear": "l"}}}, ("cosine", "linear"), None),
        ({"values": {"schedule.name": {"cosine": "c"}}}, ("cosine", "linear"), "no entry for 'linear'"),
        ({"values": {"schedule.name": {"cosine": 1, "wsd": 1}}}, ("cosine", "wsd"), "the same entry for 'cosine', 'w"),
        ({"command": ["x", "{seed}"], "extra": [{"when": {"schedule.name": "wsd"}, "words": ["--wsd"]}]},
         ("cosine", "wsd"), None),
        ({"command": ["x", "{seed}"], "extra": [{"when": {"schedule.name": "wsd"}, "words": ["--wsd"]}]},
         ("cosine", "linear", "wsd"), r"no \[\[extra\]\] tells 'cosine', 'linear' apart"),
    ],
)  # fmt: skip
def test_values_that_the_program_could_not_tell_apart(
    changes: dict[str, Any], values: tuple[str, ...], problem: str | None
) -> None:
    mine = trainer(**{"command": ["x", "{seed}", "{schedule.name}"]} | changes)
    if problem is None:
        check_search(mine, {"schedule.name": values}, "[search]")
        return
    with pytest.raises(UserError, match=problem):
        check_search(mine, {"schedule.name": values}, "[search]")


def test_a_new_lab_searches_what_reaches_the_program() -> None:
    mine = trainer(
        command=["x", "{seed}", "{optimiser.lr}", "{schedule.name}", "{heads}"],
        values={"schedule.name": {"cosine": "a", "wsd": "b"}},
    )
    space = searchable(mine, DEFAULT_SEARCH)
    assert set(space) == {"optimiser.lr", "schedule.name", "model.head_dim"}
    assert set(space["schedule.name"]) == {"cosine", "wsd"}  # type: ignore[arg-type]
    check_search(mine, space, "[search]")


def test_steps_follow_the_cost_of_a_token() -> None:
    recipe, scale = (
        changed(Recipe(), {"data.context": 16, "data.batch": 4}),
        Scale(name="s", width=64, depth=2, flops=1e9),
    )
    own = External(trainer=trainer(flops_per_token="6 * parameters + 10"), folder="/")
    plan = own.plan(recipe, scale, 257)
    each = 64 * (6 * shape_at(recipe, scale, 257).parameters + 10)
    assert (plan.flops_per_step, plan.tokens_per_step, plan.steps) == (each, 64, 1e9 // each)
    assert External(trainer=trainer(), folder="/").plan(recipe, scale, 257).steps == shape_at(recipe, scale, 257).steps
    for formula, problem in (
        ("depth - 2", "comes to 0"),
        ("1 / (depth - 2)", "cannot be worked out"),
        ("depth * 9**9**9**9", "cannot be worked out"),
        ("1e9", "a single"),
    ):
        with pytest.raises(UserError, match=problem):
            External(trainer=trainer(flops_per_token=formula), folder="/").plan(recipe, scale, 257)


def test_files_and_folders_have_to_be_there(tmp_path: Path) -> None:
    path = tmp_path / "trainer.toml"
    text = 'name = "x"\ncommand = ["x", "{seed}"]\n'
    path.write_text(text + 'files = ["model.py"]\n[metrics]\nformat = "csv"\n')
    with pytest.raises(UserError, match=r"files names 'model.py', but .* is not there"):
        read_external(path)
    path.write_text(text + 'folder = "elsewhere"\n[metrics]\nformat = "csv"\n')
    with pytest.raises(UserError, match=r"key 'folder': there is no folder .*elsewhere"):
        read_external(path)


def test_a_lab_names_one_trainer() -> None:
    least = {"name": "a lab", "corpus": {"id": "c0", "score_weights": {"prose": 1.0}}}
    both = {"execution": {"trainer": "trainer.toml", "command": ["train"]}}
    with pytest.raises(UserError, match="'trainer' and 'command' cannot go together"):
        LabConfig.parse(least | both, "lab.toml")
    ignored = {"execution": {"trainer": "trainer.toml", "hardware": {"device": "cuda"}}}
    with pytest.raises(UserError, match="'trainer' and 'hardware' cannot go together"):
        LabConfig.parse(least | ignored, "lab.toml")
    assert LabConfig.parse(least | {"execution": {"command": ["train", "{run}"]}}, "lab.toml").execution.trainer == ""
