"""Content hashes and TOML: what may never change about a specification once it has been stored."""

import hashlib
import tempfile
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

from assay.spec.base import Frozen, canonical_json
from assay.spec.lab import LabConfig
from assay.spec.recipe import Recipe, changed
from assay.spec.run import Run, Seed
from assay.spec.scale import Scale

from .strategies import configs, mixtures, recipes

# Stored labs hold these. A change that breaks one of them orphans every run that anybody has paid for: give a new
# field a default that means "as before" instead.
GOLDEN_RECIPES = [
    ({}, "44136fa355b3678a", "{}"),
    ({"optimiser.name": "muon"}, "58fd2ca07c0b3c7f", '{"optimiser":{"name":"muon"}}'),
    (
        {"data.mixture": {"prose": 1, "code": 3}, "model.qk_norm": True},
        "120d17cf9284e1e7",
        '{"data":{"mixture":{"code":0.75,"prose":0.25}},"model":{"qk_norm":true}}',
    ),
    (
        {"schedule.name": "wsd", "schedule.warmup": 0.02, "model.width_ratio": 1.5, "optimiser.lr": 0.002},
        "10379851fe4ae96e",
        '{"model":{"width_ratio":1.5},"optimiser":{"lr":0.002},"schedule":{"name":"wsd","warmup":0.02}}',
    ),
]
GOLDEN_RUN = (
    "756dbb37242ef519",
    '{"corpus":"c0","recipe":{"optimiser":{"name":"muon"}},"repeat":0,'
    '"scale":{"depth":2,"flops":1000000000.0,"width":64},"seed":{"data":4,"init":3},"trainer":"assay-1"}',
)


@pytest.mark.parametrize(("change", "digest", "text"), GOLDEN_RECIPES)
def test_hash_of_a_recipe_is_frozen(change: dict[str, object], digest: str, text: str) -> None:
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == digest
    recipe = changed(Recipe(), change)
    assert canonical_json(recipe.identity()) == text
    assert recipe.hash == digest


def test_hash_of_a_run_is_frozen() -> None:
    digest, text = GOLDEN_RUN
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == digest
    run = Run(
        recipe=changed(Recipe(), {"optimiser.name": "muon"}),
        scale=Scale(name="small", width=64, depth=2, flops=1e9),
        seed=Seed(init=3, data=4),
        corpus="c0",
        trainer="assay-1",
    )
    assert run.hash == digest
    renamed = run.model_copy(update={"scale": Scale(name="another", width=64, depth=2, flops=1e9)})
    assert renamed.hash == digest  # a scale's name decides nothing
    for other in ({"repeat": 1}, {"corpus": "c1"}, {"trainer": "assay-2"}, {"seed": Seed(init=4, data=3)}):
        assert run.model_copy(update=other).hash != digest


def test_adding_a_field_later_leaves_old_hashes_as_they_were() -> None:
    class Old(Frozen):
        a: int = 1

    class New(Frozen):
        a: int = 1
        b: str = Field(default="as before")

    assert New(a=2).hash == Old(a=2).hash
    assert New().hash == Old().hash
    assert New(a=2, b="otherwise").hash != Old(a=2).hash


def test_order_of_keys_and_a_default_written_out_do_not_matter() -> None:
    a = Recipe.parse({"optimiser": {"lr": 0.002, "beta2": 0.95}, "model": {"bias": True}}, "a")
    b = Recipe.parse({"model": {"bias": True, "head_dim": 32}, "optimiser": {"beta2": 0.95, "lr": 0.002}}, "b")
    assert a.hash == b.hash


def test_whole_numbers_for_fractions_are_the_same_recipe() -> None:
    written = Recipe.parse({"model": {"width_ratio": 2, "mlp_ratio": 3}, "optimiser": {"weight_decay": 0}}, "a")
    assert written == Recipe.parse(
        {"model": {"width_ratio": 2.0, "mlp_ratio": 3.0}, "optimiser": {"weight_decay": 0.0}}, "b"
    )
    assert (
        written.hash
        == changed(Recipe(), {"model.width_ratio": 2, "model.mlp_ratio": 3.0, "optimiser.weight_decay": 0}).hash
    )


def test_canonical_json_is_one_text_and_refuses_what_json_cannot_say() -> None:
    assert canonical_json({"b": [1.0, "ü"], "a": None}) == '{"a":null,"b":[1.0,"ü"]}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))


@given(recipes)
@settings(max_examples=60, deadline=None)
def test_recipes_survive_toml(recipe: Recipe) -> None:
    again = _through_toml(recipe)
    assert again == recipe
    assert again.hash == recipe.hash


@given(configs)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_lab_configurations_survive_toml(config: LabConfig) -> None:
    again = _through_toml(config)
    assert again == config
    assert again.hash == config.hash


@given(recipes, recipes)
@settings(max_examples=60, deadline=None)
def test_equal_hashes_mean_equal_recipes(a: Recipe, b: Recipe) -> None:
    assert (a.hash == b.hash) == (a == b)


@given(mixtures, st.floats(0.001, 1000.0))
@settings(max_examples=100, deadline=None)
def test_mixtures_are_normalised(weights: dict[str, float], factor: float) -> None:
    recipe = changed(Recipe(), {"data.mixture": weights})
    mixture = recipe.data.mixture
    assert mixture is not None
    assert list(mixture) == sorted(weights)
    assert sum(mixture.values()) == pytest.approx(1, abs=1e-4)
    total = sum(weights.values())
    assert mixture == pytest.approx({name: weight / total for name, weight in weights.items()}, abs=1e-4)
    scaled = changed(Recipe(), {"data.mixture": {name: weight * factor for name, weight in weights.items()}})
    assert scaled.data.mixture == pytest.approx(mixture, abs=1e-4)
    assert changed(recipe, {"data.mixture": dict(mixture)}) == recipe  # normalising twice changes nothing


def test_specifications_are_immutable() -> None:
    with pytest.raises(ValidationError):
        Recipe().optimiser.lr = 1.0  # type: ignore[misc]


def _fields(model: type[BaseModel], prefix: str = "") -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            assert kind.__doc__
            found += _fields(kind, f"{prefix}{name}.")
        else:
            found.append((prefix + name, field.description))
    return found


@pytest.mark.parametrize("model", [Recipe, Scale, LabConfig])
def test_every_field_has_a_meaning(model: type[BaseModel]) -> None:
    fields = dict(_fields(model))
    assert len(fields) >= 4
    assert [name for name, meaning in fields.items() if not meaning] == []


M = TypeVar("M", bound=Frozen)


def _through_toml(model: M) -> M:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.toml")
        path.write_text(model.to_toml(), encoding="utf-8", newline="")
        return type(model).from_toml(path)
