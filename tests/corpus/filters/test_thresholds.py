"""Learned thresholds remove, all rules together, no more than they may, and are never stricter than published."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.corpus.filters.filter import Rule
from assay.corpus.filters.switches import switch
from assay.corpus.filters.thresholds import Threshold, allowed, learn, removes

LIMITS = st.sampled_from((0.01, 0.05, 0.1, 0.29, 0.5))
NUMBERS = st.one_of(st.integers(0, 12).map(float), st.just(float("nan")))


@st.composite
def domains(draw: st.DrawFn) -> tuple[list[Rule], np.ndarray, np.ndarray, np.ndarray]:
    """Rules, (R, N) their statistics, (N,) sizes of documents, and bytes that edits cut out of them."""
    count = draw(st.integers(1, 24))
    rules = [
        Rule(f"r{i}", "s", draw(st.sampled_from(("least", "most"))), draw(st.integers(0, 12)))
        for i in range(draw(st.integers(1, 4)))
    ]
    values = [draw(st.lists(NUMBERS, min_size=count, max_size=count)) for _ in rules]
    sizes = np.array(draw(st.lists(st.integers(0, 40), min_size=count, max_size=count)))
    cut = np.minimum(sizes, draw(st.lists(st.sampled_from((0, 0, 0, 1, 40)), min_size=count, max_size=count)))
    return rules, np.array(values), sizes, cut


def learned(domain: tuple[list[Rule], np.ndarray, np.ndarray, np.ndarray], limit: float) -> list[Threshold]:
    rules, values, sizes, cut = domain
    return learn(rules, lambda i: values[i], sizes, cut, limit)


def union(rules: list[Rule], thresholds: list[float | None], values: np.ndarray) -> np.ndarray:
    """Which documents some rule removes, document by document."""
    return np.array([
        any(
            threshold is not None and (value < threshold if rule.side == "least" else value > threshold)
            for rule, threshold, value in zip(rules, thresholds, row, strict=True)
        )
        for row in values.T.tolist()
    ])  # fmt: skip


def fits(gone: np.ndarray, sizes: np.ndarray, cut: np.ndarray, limit: float) -> bool:
    size = int(np.where(gone, sizes, cut).sum())
    return gone.sum() <= limit * len(sizes) + 1e-9 and size <= limit * sizes.sum() + 1e-9


@given(domains(), LIMITS)
def test_all_rules_together_stay_within_the_limit(
    domain: tuple[list[Rule], np.ndarray, np.ndarray, np.ndarray], limit: float
) -> None:
    rules, values, sizes, cut = domain
    found = learned(domain, limit)
    gone = union(rules, [each.value for each in found], values)
    assert fits(gone, sizes, cut, limit) or not gone.any()
    for rule, threshold in zip(rules, found, strict=True):
        assert threshold.value is not None
        if threshold.origin == "published":
            assert threshold.value == rule.threshold
        else:
            assert threshold.value < rule.threshold if rule.side == "least" else threshold.value > rule.threshold
    if not union(rules, [rule.threshold for rule in rules], values).any():
        assert {each.origin for each in found} == {"published"}


@given(domains(), LIMITS, LIMITS)
def test_a_higher_limit_removes_no_less(
    domain: tuple[list[Rule], np.ndarray, np.ndarray, np.ndarray], one: float, other: float
) -> None:
    rules, values, _, _ = domain
    less, more = (union(rules, [t.value for t in learned(domain, each)], values) for each in sorted((one, other)))
    assert not (less & ~more).any()


@settings(max_examples=60, deadline=None)
@given(domains(), LIMITS)
def test_no_rule_could_be_allowed_another_document(
    domain: tuple[list[Rule], np.ndarray, np.ndarray, np.ndarray], limit: float
) -> None:
    """Against a brute force: allowances raised one by one, each rule's documents found by trying its thresholds."""
    rules, values, sizes, cut = domain
    mean = max(sizes.mean(), 1)

    def strictest(rule: Rule, row: np.ndarray, allowance: int) -> float:
        tried = sorted({rule.threshold, *row[removes(rule, rule.threshold, row)].tolist()})
        for threshold in reversed(tried) if rule.side == "least" else tried:
            gone = removes(rule, threshold, row)
            if gone.sum() <= allowance and math.ceil(sizes[gone].sum() / mean) <= allowance:
                return threshold
        raise AssertionError("the most extreme value removes nothing")

    allowances = [0] * len(rules)
    best = [strictest(rule, row, 0) for rule, row in zip(rules, values, strict=True)]
    for turn in range((len(sizes) + 1) * len(rules)):
        allowances[turn % len(rules)] += 1
        here = turn % len(rules)
        tried = [*best]
        tried[here] = strictest(rules[here], values[here], allowances[here])
        gone = union(rules, tried, values)  # pyright: ignore[reportArgumentType]
        # What is cut as a whole is gone, whatever the rules do.
        if not fits(gone | ((cut >= sizes) & (sizes > 0)), sizes, cut, limit):
            break
        best = tried
    assert [each.value for each in learned(domain, limit)] == best


def test_few_documents_lose_as_many_as_the_limit_comes_to() -> None:
    """Of 12 documents 5% is none, and 10% is one: the worst."""
    rules = [Rule("few", "words", "least", 50), Rule("long", "words", "most", 90)]
    values, sizes = np.arange(12.0), np.full(12, 100)
    assert [learn([rule], lambda _: values, sizes, 0 * sizes, 0.05)[0].value for rule in rules] == [0, 90]
    assert learn(rules, lambda _: values, sizes, 0 * sizes, 0.1) == [
        Threshold(1, "learned"),
        Threshold(90, "published"),
    ]
    one = np.array([3.0])
    assert learn(rules[:1], lambda _: one, np.array([10**6]), np.array([0]), 0.5) == [Threshold(3, "learned")]


def test_a_document_of_many_bytes_stands_in_no_other_rules_way() -> None:
    """A rule whose worst document is too large for the limit removes nothing; the others go on."""
    sizes = np.array([10_000] + [10] * 99)
    rules = [Rule("long", "s", "most", 50), Rule("few", "s", "least", 50)]
    values = np.array([[99.0] + [0.0] * 99, [99.0, *range(99)]])
    found = learn(rules, lambda i: values[i], sizes, 0 * sizes, 0.1)
    assert found[0] == Threshold(99, "learned")
    assert not removes(rules[1], found[1].value, values[1])[0]


def test_what_edits_take_counts() -> None:
    """Half of the limit is taken by lines, so that rules have the other half."""
    sizes, values = np.full(100, 100), np.arange(100.0)
    rule = Rule("few", "s", "least", 1000)
    for cut, removed in ((0, 10), (5, 5), (10, 0)):
        found = learn([rule], lambda _: values, sizes, np.full(100, cut), 0.1)[0]
        gone = removes(rule, found.value, values)
        # A document that goes takes its cut with it: 5 · 95 + 500 ≤ 1000 < 6 · 95 + 500.
        assert gone.sum() == removed


def test_shares_are_exact() -> None:
    assert allowed(0.29, 100) == 29
    assert allowed(0.05, 19) == 0
    assert allowed(0.05, 20) == 1


def test_unknown_values_stay() -> None:
    assert not removes(Rule("r", "s", "least", 1), 1, np.array([np.nan])).any()
    assert not removes(Rule("r", "s", "least", 1), None, np.array([0.0])).any()


@st.composite
def losses(draw: st.DrawFn) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Bytes that edits take, (N,) each, sizes of documents and of their lines with something on them."""
    count = draw(st.integers(1, 20))
    sizes = np.array(draw(st.lists(st.integers(0, 50), min_size=count, max_size=count)))
    names = ["a", "b", "c", "d"][: draw(st.integers(1, 4))]
    lost = {name: np.array([draw(st.integers(0, int(size))) for size in sizes]) for name in names}
    return lost, sizes, np.array([draw(st.integers(0, int(size))) for size in sizes])


@given(losses(), LIMITS, LIMITS)
def test_edits_together_take_no_more_than_the_limit(
    domain: tuple[dict[str, np.ndarray], np.ndarray, np.ndarray], one: float, other: float
) -> None:
    lost, sizes, filled = domain
    chosen = []
    for limit in sorted((one, other)):
        on, shares, cut = switch(list(lost), lost.__getitem__, sizes, filled, limit)
        taken = np.minimum(np.sum([lost[name] for name in on], axis=0) if on else 0 * sizes, sizes)
        emptied = (taken >= filled) & (taken > 0)
        assert np.where(emptied, sizes, taken).tolist() == cut.tolist()
        assert cut.sum() <= limit * sizes.sum() + 1e-9
        assert emptied.sum() <= limit * len(sizes) + 1e-9
        assert np.allclose([shares[n] * max(sizes.sum(), 1) for n in lost], [lost[n].sum() for n in lost])
        chosen.append(on)
    assert chosen[0] <= chosen[1]


def test_what_most_documents_have_in_their_lines_is_no_leftover() -> None:
    lost = {"citation": np.array([1, 1, 1, 0]), "notice": np.array([1, 1, 1, 0])}
    sizes = np.full(4, 1000)
    assert switch(list(lost), lost.__getitem__, sizes, sizes, 0.1, ["citation"])[0] == {"notice"}
    lost["citation"][0] = 0  # half of them
    assert switch(list(lost), lost.__getitem__, sizes, sizes, 0.1, ["citation"])[0] == {"notice", "citation"}
