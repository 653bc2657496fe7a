"""Mixtures on a corpus: against the algorithm of the UniMax paper, a brute force, and what a run really draws."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpus.mixtures.apply import limited, parts_of, readings
from assay.spec.errors import UserError
from assay.spec.recipe import Data, Recipe, changed

sizes = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 10**9), min_size=1)


def unimax(counts: dict[str, int], budget: float, epochs: float) -> dict[str, float]:
    """Algorithm 1 of Chung et al. 2023, as printed there: languages from the smallest on."""
    dealt: dict[str, float] = {}
    remaining = budget
    for number, (name, count) in enumerate(sorted(counts.items(), key=lambda item: item[1])):
        even = remaining / (len(counts) - number)
        dealt[name] = min(even, count * epochs)
        remaining -= dealt[name]
    total = sum(dealt.values())
    return {name: amount / total for name, amount in dealt.items()}


@given(sizes, st.floats(1, 1e11), st.floats(0.1, 100))
def test_unimax_is_the_paper_s_algorithm(tokens: dict[str, int], budget: float, epochs: float) -> None:
    found = readings(Data(mixture_rule="unimax", epoch_limit=epochs), tokens, budget)
    for name, share in unimax(tokens, budget, epochs).items():
        assert math.isclose(found[name].weight, share, rel_tol=1e-6, abs_tol=1e-12)


def test_unimax_without_a_limit_of_the_recipe_keeps_to_four_epochs() -> None:
    found = readings(Data(mixture_rule="unimax"), {"small": 10, "large": 1000}, 200)
    assert found["small"].epochs == pytest.approx(4.0)
    assert found["large"].tokens == pytest.approx(160.0)


def test_temperature_of_three_takes_the_cube_root() -> None:
    found = readings(Data(mixture_rule="temperature", temperature=3.0), {"a": 1_000, "b": 27_000, "c": 8_000}, 1.0)
    assert [found[name].weight for name in "abc"] == pytest.approx([10 / 60, 30 / 60, 20 / 60])


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0.01, 100), min_size=1),
    st.floats(1, 1000),
    st.floats(0.1, 1000),
)
def test_limits_are_kept_and_the_rest_keeps_its_proportions(
    weights: dict[str, float], tokens: float, most: float
) -> None:
    limits = {name: most * (1 + number) for number, name in enumerate(weights)}
    drawn = limited(weights, tokens, limits)
    assert math.isclose(sum(drawn.values()), tokens, rel_tol=1e-6)
    if sum(limits.values()) < tokens:  # all are beyond, equally far
        for name in weights:
            assert math.isclose(drawn[name] / limits[name], tokens / sum(limits.values()), rel_tol=1e-6)
        return
    assert all(drawn[name] <= limits[name] * (1 + 1e-9) for name in weights)
    free = [name for name in weights if drawn[name] < limits[name] * (1 - 1e-9)]
    for name in free:  # one factor for all that are free; those at their limit would have got at least that
        factor = drawn[name] / weights[name]
        assert all(drawn[other] <= factor * weights[other] * (1 + 1e-6) for other in weights)


def test_a_domain_may_have_a_limit_of_its_own() -> None:
    data = Data(mixture={"a": 0.5, "b": 0.5}, epoch_limit=2.0, epoch_limits={"a": 3.0})
    found = readings(data, {"a": 10, "b": 100}, 100)
    assert found["a"].tokens == pytest.approx(30)
    assert found["b"].tokens == pytest.approx(70)


def test_a_zero_weight_takes_no_excess() -> None:
    found = readings(Data(mixture={"a": 1.0, "b": 0.0}, epoch_limit=1.0), {"a": 10, "b": 100}, 50)
    assert found["b"].tokens == 0
    assert found["a"].epochs == pytest.approx(5)


def test_limits_count_what_stages_read() -> None:
    data = Data.parse(
        {"epoch_limit": 2.0, "mixture": {"a": 0.5, "b": 0.5}, "closing": {"share": 0.2, "mixture": {"a": 1.0}}}, "data"
    )
    opening, main, closing = parts_of(data, {"a": 20, "b": 1000}, 100)
    assert opening.share == 0
    assert closing.weights == {"a": 20}  # served first: a fifth of 100 tokens
    assert main.weights == pytest.approx({"a": 20, "b": 60})  # what is left of two epochs of 20
    assert readings(data, {"a": 20, "b": 1000}, 100)["a"].epochs == pytest.approx(2)


def test_a_rule_is_known_by_name() -> None:
    with pytest.raises(UserError, match="no mixture_rule is called 'doremi'; known are: size, temperature, unimax"):
        changed(Recipe(), {"data.mixture_rule": "doremi"})
