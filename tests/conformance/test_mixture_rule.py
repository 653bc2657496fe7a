"""What every mixture rule in the registry must do."""

import math

from hypothesis import given
from hypothesis import strategies as st

from assay.spec.recipe import Data
from assay.spec.registry import load, names

sizes = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 10**13), min_size=1)


@given(st.sampled_from(names("mixture_rule")), sizes, st.floats(0.1, 100))
def test_every_rule_gives_each_domain_a_weight_that_grows_with_its_size(
    name: str, tokens: dict[str, int], temperature: float
) -> None:
    rule, data = load("mixture_rule", name)(), Data(mixture_rule=name, temperature=temperature)
    weights = rule.weights(tokens, data)
    assert rule.epoch_limit >= 0
    assert weights.keys() == tokens.keys()
    assert all(weight >= 0 and math.isfinite(weight) for weight in weights.values())
    assert sum(weights.values()) > 0
    for one, other in zip(tokens, list(tokens)[1:], strict=False):
        if tokens[one] >= tokens[other]:
            assert weights[one] >= weights[other]


@given(st.sampled_from(names("mixture_rule")), sizes)
def test_neither_order_nor_unit_of_sizes_matters(name: str, tokens: dict[str, int]) -> None:
    rule, data = load("mixture_rule", name)(), Data(mixture_rule=name)
    weights = rule.weights(tokens, data)
    turned = rule.weights(dict(reversed(tokens.items())), data)
    larger = rule.weights({name: 3 * count for name, count in tokens.items()}, data)
    for domain in tokens:
        assert turned[domain] == weights[domain]
        share = weights[domain] / sum(weights.values())
        assert math.isclose(larger[domain] / sum(larger.values()), share, rel_tol=1e-9)
