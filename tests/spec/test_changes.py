"""Changes to recipes: dotted keys in, differences out, and what a lab's search space lets through."""

from typing import Any

import pytest
from hypothesis import given, settings

from assay.spec.errors import UserError
from assay.spec.lab import DEFAULT_SEARCH
from assay.spec.proposal import Prediction, Proposal
from assay.spec.recipe import Recipe, changed, difference, flatten
from assay.spec.search import Range, check_change

from .strategies import recipes


def _fails(call: Any, *expected: str) -> None:
    with pytest.raises(UserError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    for part in expected:
        assert part in message, message


def test_flatten_keeps_a_mixture_in_one_piece() -> None:
    nested = {"optimiser": {"name": "muon", "lr": 1.0}, "data": {"mixture": {"a": 1.0}}, "transfer": "constant"}
    flat = {"optimiser.name": "muon", "optimiser.lr": 1.0, "data.mixture": {"a": 1.0}, "transfer": "constant"}
    assert flatten(nested) == flat
    assert flatten(flat) == flat


def test_changed_replaces_only_what_it_names() -> None:
    start = changed(Recipe(), {"optimiser.lr": 0.01, "data.mixture": {"a": 1.0, "b": 1.0}})
    new = changed(start, {"optimiser.name": "muon", "data.mixture": None})
    assert difference(start, new) == {
        "optimiser.name": ("adamw", "muon"),
        "data.mixture": ({"a": 0.5, "b": 0.5}, None),
    }
    assert start.optimiser.name == "adamw"
    assert changed(start, {}) == start


@given(recipes, recipes)
@settings(max_examples=60, deadline=None)
def test_a_difference_applied_gives_the_other_recipe(old: Recipe, new: Recipe) -> None:
    found = difference(old, new)
    assert changed(old, {key: value for key, (_, value) in found.items()}) == new
    assert all(a != b for a, b in found.values())


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"optimiser.lrr": 1.0}, ["unknown key 'optimiser.lrr'", "`assay recipe show`"]),
        ({"optimiser": {"lr": 1.0}}, ["unknown key 'optimiser'"]),
        ({"data.mixture.prose": 1.0}, ["unknown key 'data.mixture.prose'"]),
        ({"": 1}, ["unknown key ''"]),
        ({"optimiser.lr": "fast"}, ["'optimiser.lr' should be a number, but is 'fast'"]),
        ({"optimiser.lr": True}, ["'optimiser.lr' should be a number, but is True"]),
        ({"optimiser.lr": None}, ["'optimiser.lr' should be a number, but is None"]),
        ({"optimiser.lr": float("nan")}, ["'optimiser.lr' should be a finite number"]),
        ({"optimiser.lr": 0.0}, ["'optimiser.lr' should be greater than 0, but is 0.0"]),
        ({"optimiser.name": "sgd"}, ["no optimiser is called 'sgd'", "adamw, muon"]),
        ({"schedule.name": "step"}, ["no schedule is called 'step'", "cosine, linear, wsd"]),
        ({"data.batch": 1.5}, ["'data.batch' should be a whole number, but is 1.5"]),
        ({"data.batch": 10**400}, ["'data.batch'"]),
        ({"model.width_ratio": 1e300}, ["'model.width_ratio' should be less than or equal to 1000"]),
        ({"model.mlp": "glu"}, ["'gelu', 'relu2' or 'swiglu'", "'glu'"]),
        ({"data.mixture": {}}, ["'data.mixture'", "the mixture is empty"]),
        ({"data.mixture": {"a": -1.0, "b": 2.0}}, ["the weight of 'a' is negative (-1.0)"]),
        ({"data.mixture": {"a": 0.0, "b": 0.0}}, ["all weights are zero"]),
        ({"data.mixture": {"a": "much"}}, ["'data.mixture.a' should be a number"]),
        ({"data.mixture": 1.0}, ["'data.mixture' should be a table"]),
    ],
)
def test_a_change_that_does_not_fit_is_explained(change: dict[str, Any], expected: list[str]) -> None:
    _fails(lambda: changed(Recipe(), change, "idea.toml"), "idea.toml: ", *expected)


@pytest.mark.parametrize(
    "change",
    [
        {"optimiser.name": "muon", "optimiser.lr": 1e-4},
        {"optimiser.lr": 2e-2},
        {"data.mixture": {"a": 0, "b": 1.0}},
        {"model.mlp_ratio": 4},
        {"model.tied_embeddings": False},
    ],
)
def test_what_the_search_space_allows(change: dict[str, Any]) -> None:
    check_change(change, DEFAULT_SEARCH, "a")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"base_width": 32},
            ["'base_width' may not change in this lab", "[search]", "optimiser.lr"],
        ),
        ({"optimiser.lr": 0.1}, ["'optimiser.lr' = 0.1 is outside [0.0001, 0.02]"]),
        ({"optimiser.lr": "0.01"}, ["'optimiser.lr' should be a number, but is '0.01'"]),
        ({"optimiser.lr": True}, ["should be a number, but is True"]),
        ({"optimiser.lr": float("inf")}, ["should be a number, but is inf"]),
        ({"data.batch": 7}, ["'data.batch' = 7 is not one of [2, 4, 6, 12, 24]"]),
        ({"data.mixture": {"a": 1.5, "b": -0.5}}, ["'data.mixture.a' = 1.5 is outside [0.0, 1.0]"]),
        ({"data.mixture": {"a": "much"}}, ["should be a number, but is 'much'"]),
        ({"optimiser.lr": 0.01, "base_depth": 8}, ["'base_depth' may not change"]),
    ],
)
def test_what_the_search_space_refuses(change: dict[str, Any], expected: list[str]) -> None:
    _fails(lambda: check_change(change, DEFAULT_SEARCH, "idea.toml"), "idea.toml: ", *expected)


def test_a_range_is_closed_at_both_ends() -> None:
    space = {"optimiser.lr": Range(low=0.001, high=0.01)}
    for value in (0.001, 0.01):
        check_change({"optimiser.lr": value}, space, "a")
    for value in (0.000999, 0.010001):
        _fails(lambda value=value: check_change({"optimiser.lr": value}, space, "a"), "is outside")


def _proposal(**fields: Any) -> dict[str, Any]:
    content = {
        "hypothesis": "It helps.",
        "kind": "optimiser",
        "change": {"optimiser": {"name": "muon", "muon_lr": 0.02}},
        "predicted": {"effect": 1.0, "low": 0.0, "high": 2.0},
        "author": "human:ada",
    }
    return content | fields


def test_a_proposal_is_read_with_its_change_flattened() -> None:
    proposal = Proposal.parse(_proposal(), "idea.toml")
    assert proposal.change == {"optimiser.name": "muon", "optimiser.muon_lr": 0.02}
    assert Proposal.parse(proposal.model_dump(mode="json"), "again") == proposal
    assert proposal.predicted == Prediction(effect=1.0, low=0.0, high=2.0)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"hypotesis": "x"}, "unknown key 'hypotesis'"),
        ({"hypothesis": ""}, "key 'hypothesis' should be a text that is not empty"),
        ({"kind": "magic"}, "key 'kind' should be 'optimiser', 'schedule'"),
        ({"change": {}}, "key 'change' should have at least one entry"),
        ({"change": "muon"}, "key 'change' should be a table, but is 'muon'"),
        (
            {"predicted": {"effect": 3.0, "low": 0.0, "high": 2.0}},
            "low <= effect <= high is expected, not 0.0, 3.0",
        ),
        ({"predicted": {"effect": 3.0, "low": 0.0}}, "key 'predicted.high' is missing"),
        ({"author": "ada"}, "key 'author' should be"),
        ({"citations": "Jordan 2024"}, "key 'citations' should be a list"),
    ],
)
def test_a_proposal_that_does_not_fit_is_explained(fields: dict[str, Any], expected: str) -> None:
    _fails(lambda: Proposal.parse(_proposal(**fields), "idea.toml"), "idea.toml: ", expected)
