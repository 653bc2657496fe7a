"""Learned thresholds remove no more than they may, are never stricter than published ones, and exact."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from assay.corpus.filters.filter import Rule
from assay.corpus.filters.thresholds import learn, removes

VALUES = st.lists(st.one_of(st.integers(0, 12).map(float), st.just(float("nan"))), min_size=1, max_size=80)


@given(VALUES, st.sampled_from(("least", "most")), st.integers(0, 12), st.sampled_from((0.05, 0.2, 0.5)))
def test_a_threshold_is_relaxed_as_little_as_the_share_allows(
    given: list[float], side: str, published: int, share: float
) -> None:
    values = np.array(given)
    rule = Rule("r", "s", side, published)  # pyright: ignore[reportArgumentType]
    found = learn(rule, values, share)
    assert found.value is not None
    allowed = int(share * len(values))
    too_many = removes(rule, published, values).sum() > allowed
    if not too_many or allowed == 0:
        assert (found.value, found.origin) == (published, "published")
        return
    assert found.origin == "learned"
    # Of all thresholds that some value has, it is the strictest that removes no more than allowed.
    known = sorted(set(values[~np.isnan(values)].tolist()), reverse=side == "least")
    fitting = [value for value in known if removes(rule, value, values).sum() <= allowed]
    assert found.value == fitting[0]
    assert found.value <= published if side == "least" else found.value >= published


def test_rules_that_are_not_learned_and_unknown_values_stay() -> None:
    values = np.array([0.0] * 50 + [np.nan] * 50)
    assert learn(Rule("r", "s", "least", 1, learned=False), values, 0.05).value == 1
    assert not removes(Rule("r", "s", "least", 1), 1, np.array([np.nan])).any()
    assert not removes(Rule("r", "s", "least", 1), None, values).any()
