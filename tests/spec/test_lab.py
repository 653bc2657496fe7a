"""`lab.toml`: what is refused, and in which words."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from assay.spec.errors import UserError
from assay.spec.lab import DEFAULT_LADDER, DEFAULT_SEARCH, LabConfig
from assay.spec.ladders import LADDERS
from assay.spec.recipe import Recipe, changed, flatten
from assay.spec.registry import REGISTRY, load, names
from assay.spec.scale import shape_at
from assay.spec.search import Range

LEAST: dict[str, Any] = {"name": "a lab", "corpus": {"id": "c0", "score_weights": {"prose": 1.0}}}


def scale(name: str, flops: float) -> dict[str, Any]:
    return {"name": name, "width": 32, "depth": 1, "flops": flops}


def test_the_least_that_a_lab_must_say() -> None:
    config = LabConfig.parse(LEAST, "lab.toml")
    assert config.start == Recipe()
    assert config.ladder == DEFAULT_LADDER
    assert config.evidence.fdr == 0.05


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"sed": 1}, "unknown key 'sed'; remove it or correct its spelling"),
        ({"start": {"optimiser": {"lrr": 1}}}, "unknown key 'start.optimiser.lrr'"),
        ({"sed": 1, "nam": 2}, "unknown key 'sed'; remove it or correct its spelling (and 1 more problem)"),
        ({"seed": "1"}, "key 'seed' should be a whole number, but is '1'"),
        ({"seed": 1.0}, "key 'seed' should be a whole number, but is 1.0"),
        ({"seed": -1}, "key 'seed' should be greater than or equal to 0, but is -1"),
        ({"seed": 2**31}, "key 'seed' should be less than 2147483648"),
        ({"name": ""}, "key 'name' should be a text that is not empty"),
        ({"corpus": {"id": "c0", "score_weights": {}}}, "key 'corpus.score_weights' should have at least one entry"),
        ({"corpus": {"id": "c0", "score_weights": {"a": -1.0}}}, "weights are zero or more"),
        ({"corpus": {"id": "c0", "score_weights": {"a": 0.0}}}, "and at least one is positive"),
        ({"corpus": {"id": "c0"}}, "key 'corpus.score_weights' is missing; it is required"),
        ({"ladder": []}, "key 'ladder' should have at least 2 entries"),
        ({"ladder": [scale("a", 1e9)]}, "key 'ladder' should have at least 2 entries"),
        ({"ladder": [scale("a", 1e9), scale("b", 1e9)]}, "'ladder' should rise in flops from one scale to the next"),
        ({"ladder": [scale("a", 2e9), scale("b", 1e9)]}, "'ladder' should rise in flops"),
        ({"ladder": [scale("a", 1e9), scale("a", 2e9)]}, "two scales of 'ladder' have the same name"),
        ({"ladder": [scale("a", 1e9), scale("", 2e9)]}, "key 'ladder.1.name' should be a text that is not empty"),
        ({"ladder": [scale("a", 0.0), scale("b", 2e9)]}, "key 'ladder.0.flops' should be greater than 0"),
        ({"search": {}}, "key 'search' should have at least one entry"),
        ({"search": {"data.btach": [1]}}, "[search]: unknown key 'data.btach'"),
        ({"search": {"data.batch": []}}, "[search]: 'data.batch' has no values"),
        ({"search": {"data.batch": 5}}, "'search.data.batch' should be a list of values, or a table with low and high"),
        ({"search": {"data.batch": [[5]]}}, "key 'search.data.batch' should be a list of values, or a table"),
        ({"search": {"data.batch": ["a"]}}, "[search]: key 'data.batch' should be a whole number, but is 'a'"),
        ({"search": {"data.batch": {"low": 1, "high": 4.5}}}, "[search]: key 'data.batch' should be a whole number"),
        ({"search": {"model.bias": {"low": 0, "high": 1}}}, "'model.bias' is not a number, so it cannot have a range"),
        ({"search": {"optimiser.lr": {"low": 1}}}, "key 'search.optimiser.lr.high' is missing"),
        ({"search": {"optimiser.lr": {"low": 1, "hihg": 1}}}, "unknown key 'search.optimiser.lr.hihg'"),
        ({"search": {"optimiser.lr": {"low": 2, "high": 1}}}, "low (2.0) must be less than high (1.0)"),
        ({"search": {"optimiser.lr": {"low": 0, "high": 1}}}, "[search]: key 'optimiser.lr' should be greater than 0"),
        ({"search": {"optimiser.lr": {"low": 0, "high": 1, "log": True}}}, "a logarithmic range needs low > 0"),
        ({"search": {"data.mixture": [0.5]}}, "'data.mixture' needs a range"),
        ({"search": {"data.mixture": {"low": -1, "high": 1}}}, "weights are zero or more"),
        ({"start": {"data": {"mixture": {}}}}, "key 'start.data.mixture': the mixture is empty"),
        ({"limits": {"parameters": 1.5}}, "key 'limits.parameters' should be a whole number, but is 1.5"),
        ({"evidence": {"fdr": 1.0}}, "key 'evidence.fdr' should be less than 1"),
        ({"evidence": {"screen_pairs": 30}}, "'screen_pairs' should be at most 'pairs'"),
        ({"researchers": {"use": []}}, "key 'researchers.use' should have at least one entry"),
        ({"researchers": {"use": "known"}}, "key 'researchers.use' should be a list, but is 'known'"),
        ({"researchers": {"use": ["bard"]}}, "no researcher is called 'bard'; known are: known, tpe, random, claude"),
        ({"researchers": {"claude": {"model": "claude-x"}}}, "give its prices too, so that budget_usd holds"),
        ({"execution": {"executor": "abacus"}}, "no executor is called 'abacus'; known are: local"),
        ({"execution": {"command": "python train.py"}}, "key 'execution.command' should be a list"),
        ({"corpus": 5}, "key 'corpus' should be a table, but is 5"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(fields: dict[str, Any], expected: str) -> None:
    with pytest.raises(UserError) as caught:
        LabConfig.parse(LEAST | fields, "mylab/lab.toml")
    message = str(caught.value)
    assert message.startswith("mylab/lab.toml: ")
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"name = ", "not valid TOML"),
        (b"name = 'a'\nname = 'b'", "not valid TOML"),
        (b"name = '\xff'", "not UTF-8 text (byte 8)"),
        (b"name = 2026-01-01", "dates and times are not expected here; put them in quotes"),
        (b"", "key 'name' is missing; it is required"),
    ],
)
def test_files_that_do_not_read(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "lab.toml"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        LabConfig.from_toml(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert expected in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.toml: no such file"):
        LabConfig.from_toml(tmp_path / "nowhere.toml")
    with pytest.raises(UserError, match="is a folder; a TOML file was expected"):
        LabConfig.from_toml(tmp_path)


@pytest.mark.parametrize("ladder", LADDERS)
def test_ready_made_ladders_fit_the_default_recipe_and_space(ladder: str) -> None:
    scales = LADDERS[ladder]
    LabConfig.parse(LEAST | {"ladder": [s.model_dump() for s in scales]}, "lab.toml")
    shapes = [shape_at(Recipe(), s, 257) for s in scales]
    assert all(shape.steps >= 10 for shape in shapes)
    assert all(a.parameters < b.parameters or a.tokens < b.tokens for a, b in pairwise(shapes))


def test_default_search_space_contains_the_default_recipe_and_can_be_built() -> None:
    values = flatten(Recipe().model_dump(mode="json"))
    for key, allowed in DEFAULT_SEARCH.items():
        if values[key] is None:
            continue  # as elsewhere: a group's constants, or a mixture
        if not isinstance(allowed, Range):
            assert values[key] in allowed
            for value in allowed:
                changed(Recipe(), {key: value})
        else:
            assert allowed.low <= values[key] <= allowed.high


def test_every_field_of_a_recipe_is_within_reach_of_the_search() -> None:
    fixed = {"stream", "base_width", "base_depth", "base_tokens", "data.epoch_limits", "data.quality_model"}
    assert set(flatten(Recipe().model_dump(mode="json"))) - set(DEFAULT_SEARCH) == fixed


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in REGISTRY for name in names(kind)])
def test_everything_registered_can_be_imported(kind: str, name: str) -> None:
    assert callable(load(kind, name))


def test_every_optimiser_has_its_flops() -> None:
    assert names("optimiser") == names("optimiser_flops")


def test_a_name_that_is_not_registered() -> None:
    with pytest.raises(KeyError):
        load("optimiser", "sgd")
